"""Turns a typed, documented function into a node: its signature and docstring are the schema."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, ParamSpec, TypeAlias, TypeVar

from . import docs
from .errors import DeclarationError
from .injected import Folders, is_injected
from .sockets import Socket

P = ParamSpec("P")
R = TypeVar("R")

Resource: TypeAlias = Literal["gpu", "cpu", "io"]


class _Missing:
    """The default of an input that has none."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a node: a socket, its default, what its docstring says, what an editor proposes where none is."""

    name: str
    socket: Socket
    default: object = MISSING
    docs: str = ""
    proposal: object = None

    @property
    def required(self) -> bool:
        """Whether the node cannot run without it."""
        return self.default is MISSING


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a node."""

    name: str
    socket: Socket
    docs: str = ""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is known of a node's call before the run.

    Attributes:
        id: The node's id in the workflow.
        values: Its literal inputs by name.
        linked: The sockets that feed the other inputs, by name.
        folders: Where files lie.
    """

    id: str
    values: Mapping[str, object]
    linked: Mapping[str, Socket]
    folders: Folders


@dataclass(frozen=True, eq=False)
class Node:
    """A node as the editor and the engine see it. All of it is read from the function.

    Attributes:
        id: Its name in workflow files; it never changes.
        function: What computes it.
        title: Its name for people.
        category: Its place in menus, with slashes.
        version: Rises whenever the node's results change; part of every cache key.
        resource: The lane it runs in.
        static: Whether it costs nothing and is computed while the graph is checked, as loaders of recipes are.
        cached: Whether its results may be kept; False for a node whose results no key describes.
        fingerprint: Digests what the node reads beside its inputs; takes the literal inputs it names.
        inputs: Its sockets by name, in order.
        outputs: Its outputs in order.
        injected: The annotations of the parameters that are handed in, by name.
        named: Whether the function returns one value for each of several outputs.
        sink: Whether it is run for its effect: it saves or shows.
        docs: What the docstring says.
        may_show: Whether it may show something though it is no sink.
        further: Declares inputs that come with what a workflow gives: a link or a value by the name of the input.
            Without it, a name that is not among the inputs is a problem; with it, one that it does not declare is
            passed over.
        inspect: Looks at a call before the run, like a fingerprint that is told all that is known: gives a digest of
            what the call depends on beside its inputs, or None where only the run can tell; raises NodeError for what
            it refuses.
    """

    id: str
    function: Callable[..., object]
    title: str
    category: str = ""
    version: int = 1
    resource: Resource = "cpu"
    static: bool = False
    cached: bool = True
    fingerprint: Callable[..., str] | None = None
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    injected: Mapping[str, object] = field(default_factory=dict)
    named: bool = False
    sink: bool = False
    docs: docs.Docs = field(default_factory=docs.Docs)
    may_show: bool = False
    further: Callable[[Mapping[str, object]], Iterable[Input]] | None = None
    inspect: Callable[[Prospect], str | None] | None = None

    def widened(self, given: Mapping[str, object]) -> Node:
        """Give the node with the inputs that come with what is given: a link or a value by name."""
        if self.further is None:
            return self
        new = {one.name: one for one in self.further(given) if one.name not in self.inputs}
        return dataclasses.replace(self, inputs={**self.inputs, **new}) if new else self

    @cached_property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def lazy(self) -> frozenset[str]:
        """The inputs that are computed only when the node awaits them."""
        return frozenset(name for name, one in self.inputs.items() if one.socket.lazy)

    @cached_property
    def lists(self) -> frozenset[str]:
        """The inputs that take lists."""
        return frozenset(name for name, one in self.inputs.items() if one.socket.is_list)

    @cached_property
    def checked(self) -> frozenset[str]:
        """The inputs for which it takes more than the right type: bounds or choices, for links too."""
        sockets = ((name, one.socket) for name, one in self.inputs.items() if not one.socket.lenient)
        return frozenset(name for name, one in sockets if one.bounds or one.choices or one.literals)

    @cached_property
    def generic(self) -> bool:
        """Whether the type of an output depends on what comes in."""
        return any(isinstance(output.socket.type, TypeVar) for output in self.outputs)

    @cached_property
    def output_sockets(self) -> tuple[Socket, ...]:
        """The sockets of the outputs in order, as they are declared."""
        return tuple(output.socket for output in self.outputs)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs in order."""
        return tuple(output.name for output in self.outputs)

    @cached_property
    def fingerprint_inputs(self) -> tuple[str, ...]:
        """The inputs that the fingerprint needs to know."""
        if self.fingerprint is None:
            return ()
        return tuple(name for name in inspect.signature(self.fingerprint).parameters if name in self.inputs)

    @cached_property
    def fingerprint_injected(self) -> Mapping[str, object]:
        """What the fingerprint wants handed in."""
        if self.fingerprint is None:
            return {}
        return {name: kind for name, kind in hints(self.fingerprint).items() if name != "return" and is_injected(kind)}


@dataclass(frozen=True, slots=True)
class Mark:
    """What the decorator was told; left on the function."""

    id: str
    title: str
    category: str
    version: int
    resource: Resource
    static: bool
    cached: bool
    fingerprint: Callable[..., str] | None


def node(
    title: str = "",
    *,
    category: str = "",
    id: str = "",
    version: int = 1,
    resource: Resource = "cpu",
    static: bool = False,
    cached: bool = True,
    fingerprint: Callable[..., str] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function as a node. The function itself stays as it is, and can be called as before.

    Args:
        title: The name for people; made from the function's name when left out.
        category: The place in menus, such as "control/edges".
        id: The name in workflow files; the function's name in CamelCase when left out.
        version: Raise it when the results change.
        resource: The lane it runs in: "gpu" for models (one at a time), "cpu", "io".
        static: It costs nothing and is computed while the graph is checked.
        cached: Whether its results may be kept.
        fingerprint: Digests the files that the node reads; it is called while the graph is checked with the literal
            inputs that its parameters name, and raises NodeError when a file is not there.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        name = getattr(function, "__name__", "")
        called = id or "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        shown = title or name.replace("_", " ").title()
        mark = Mark(called, shown, category, version, resource, static, cached, fingerprint)
        function.__node__ = mark  # type: ignore[attr-defined]
        return function

    return mark


def is_node(thing: object) -> bool:
    """Tell whether something was declared as a node."""
    return callable(thing) and isinstance(getattr(thing, "__node__", None), Mark)


def hints(function: Callable[..., object]) -> dict[str, object]:
    """Read the annotations of a function.

    Raises:
        DeclarationError: They name what is not there.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise DeclarationError(f"{name_of(function)}: its annotations cannot be read: {error}") from error


def name_of(function: Callable[..., object]) -> str:
    """Name a function for a message."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
