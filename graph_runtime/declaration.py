"""Turns a typed, documented function into a node: its signature and docstring are the schema."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, ParamSpec, TypeAlias, TypeVar, Union, get_args, get_origin

from . import docs
from .errors import DeclarationError
from .injected import Folders, is_injected
from .results import Expand, Shown
from .sockets import Socket, socket

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
    """One input of a node: a socket, its default and what its docstring says."""

    name: str
    socket: Socket
    default: object = MISSING
    docs: str = ""

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

    @cached_property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def lazy(self) -> frozenset[str]:
        """The inputs that are computed only when the node awaits them."""
        return frozenset(name for name, one in self.inputs.items() if one.socket.lazy)

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
        hints = _hints(self.fingerprint)
        return {name: kind for name, kind in hints.items() if name != "return" and is_injected(kind)}


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


def declare(function: Callable[..., object]) -> Node:
    """Read the whole schema of a decorated function.

    Raises:
        DeclarationError: The function cannot be a node; says which parameter, and what it needs.
    """
    mark: Mark = function.__node__  # type: ignore[attr-defined]
    text = docs.read(function.__doc__)
    hints = _hints(function)
    inputs: dict[str, Input] = {}
    injected: dict[str, object] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if is_injected(hint := _hint(function, hints, name, parameter)):
            injected[name] = hint
        else:
            default = MISSING if parameter.default is parameter.empty else parameter.default
            inputs[name] = Input(name, _socket(function, name, hint), default, text.inputs.get(name, ""))
    _must_be_possible(function, mark, inputs, injected)
    outputs, named, sink = _outputs(function, hints.get("return", types.NoneType), text)
    return Node(
        mark.id, function, mark.title, mark.category, mark.version, mark.resource, mark.static, mark.cached,
        mark.fingerprint, inputs, outputs, injected, named, sink, text,
    )  # fmt: skip


def _hints(function: Callable[..., object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise DeclarationError(f"{_name(function)}: its annotations cannot be read: {error}") from error


def _hint(function: Callable[..., object], hints: dict[str, object], name: str, parameter: inspect.Parameter) -> object:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise DeclarationError(f"{_name(function)}: parameter {name}: a node's inputs are named one by one.")
    if name not in hints:
        raise DeclarationError(f"{_name(function)}: parameter {name} needs an annotation: what the socket takes.")
    return hints[name]


def _socket(function: Callable[..., object], name: str, hint: object) -> Socket:
    try:
        return socket(hint)
    except (DeclarationError, TypeError) as error:
        raise DeclarationError(f"{_name(function)}: {name}: {error}") from error


def _must_be_possible(
    function: Callable[..., object], mark: Mark, inputs: Mapping[str, Input], injected: Mapping[str, object]
) -> None:
    lazy = [name for name, one in inputs.items() if one.socket.lazy]
    if lazy and not inspect.iscoroutinefunction(function):
        raise DeclarationError(
            f"{_name(function)}: a lazy input ({lazy[0]}) is awaited, so the node is an `async def`."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(f"{_name(function)}: it yields; a node returns its values, all at once.")
    strange = [name for name, kind in injected.items() if kind is not Folders]
    if mark.static and (strange or inspect.iscoroutinefunction(function)):
        what = f"{strange[0]} is known only in a run" if strange else "it is an `async def`"
        raise DeclarationError(f"{_name(function)}: a static node is computed before the run, but {what}.")


def _outputs(
    function: Callable[..., object], returned: object, text: docs.Docs
) -> tuple[tuple[Output, ...], bool, bool]:
    """Read the outputs from what the function returns: whether there are several, and whether it is a sink."""
    kind, sink = _unwrapped(returned)
    if kind is types.NoneType:
        if not sink:
            raise DeclarationError(f"{_name(function)}: it returns nothing; a node returns values, and a sink Shown.")
        return (), False, True
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields = _hints(kind)
        of_tuple = docs.read(kind.__doc__)
        named = tuple(
            Output(name, _socket(function, name, hint), text.outputs.get(name) or of_tuple.inputs.get(name, ""))
            for name, hint in fields.items()
        )
        return named, True, sink
    single = _socket(function, "the result", kind)
    name, said = next(iter(text.outputs.items()), ("", ""))
    return (Output(name or _output_name(single), single, said),), False, sink


def _unwrapped(returned: object) -> tuple[object, bool]:
    """Strip `Shown[...]` and `Expand[...]` from a return annotation; tell the type of values, and whether it shows."""
    if get_origin(returned) in (Union, types.UnionType):
        members = [member for member in get_args(returned) if get_origin(member) is not Expand]
        if len(members) == 1:
            return _unwrapped(members[0])
    if returned is Shown:
        return types.NoneType, True
    if get_origin(returned) is Shown:
        return get_args(returned)[0], True
    if get_origin(returned) is Expand:
        return get_args(returned)[0], False
    return returned, False


def _output_name(single: Socket) -> str:
    name = getattr(single.type, "__name__", "value")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _name(function: Callable[..., object]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
