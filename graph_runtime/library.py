"""The nodes that workflows can name, by pack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Protocol

from .declaration import Node, is_node
from .errors import DeclarationError, Problem, listed, shown
from .guises import Guise
from .injected import Folders
from .signature import declare
from .step import Step


class Check(Protocol):
    """Looks at a whole graph for what no single node can see, such as two models that do not fit each other."""

    def __call__(self, steps: Mapping[str, Step], folders: Folders) -> Iterable[Problem]:
        """Give the problems; `Step.known` holds what the static nodes gave, `folders` say where files lie."""


class Notes(Protocol):
    """Says what people should know about a graph that can run, such as how much memory it takes."""

    def __call__(self, steps: Mapping[str, Step], folders: Folders) -> Iterable[str]:
        """Give lines about the steps that are needed; `Step.known` holds what the static nodes gave."""


def _nothing(node: Node) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True)
class Pack:
    """A set of nodes that belong together.

    Attributes:
        name: The name of the pack.
        functions: The decorated functions, or nodes that were made otherwise.
        environment: Tells what the results depend on beside the inputs, such as library versions; part of every key.
        around: What is entered around each call of a synchronous node, in its thread; importing what it computes with
            belongs there, since entering is not counted as the node's time.
        checks: What is checked when a graph is joined.
        guises: How values of its types look to nodes that were written for another runtime.
        notes: What is told of a graph that can run, when it is validated.
    """

    name: str
    functions: tuple[Callable[..., object] | Node, ...] = ()
    environment: Callable[[], Mapping[str, str]] = dict
    around: Callable[[Node], AbstractContextManager[object]] = _nothing
    checks: tuple[Check, ...] = ()
    guises: tuple[Guise, ...] = ()
    notes: tuple[Notes, ...] = ()

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The nodes by id.

        Raises:
            DeclarationError: A function cannot be a node, or two nodes have one id.
        """
        nodes: dict[str, Node] = {}
        for item in self.functions:
            node = item if isinstance(item, Node) else declare(item)
            if node.id in nodes:
                raise DeclarationError(f"pack {self.name}: two nodes have the id {node.id}.")
            nodes[node.id] = node
        return nodes


@dataclass(frozen=True, slots=True)
class Failure:
    """A pack that could not be loaded, and why."""

    name: str
    reason: str


class Dialect(Protocol):
    """Another way in which packs are written.

    Attributes:
        groups: Further groups of entry points under which such packs are installed.
    """

    groups: ClassVar[tuple[str, ...]]

    def importing(self, path: Path, library: Library) -> AbstractContextManager[object]:
        """What is entered while a pack is imported and read, beside the packs that were loaded before."""

    def read(self, name: str, module: ModuleType, path: Path, library: Library) -> Library | None:
        """Read a pack that was imported; give None where it is not written in this way.

        Args:
            name: The name of the pack.
            module: The pack.
            path: Its folder, or its one file.
            library: The packs that were loaded before.
        """


@dataclass(frozen=True)
class Library(Mapping[str, Node]):
    """All nodes by id.

    Attributes:
        packs: The packs; where two have a node of the same id, the first one's counts.
        failures: The packs that could not be loaded.
    """

    packs: tuple[Pack, ...] = ()
    failures: tuple[Failure, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        name: str,
        *contents: ModuleType | Callable[..., object] | Node,
        environment: Callable[[], Mapping[str, str]] = dict,
        around: Callable[[Node], AbstractContextManager[object]] = _nothing,
        checks: Iterable[Check] = (),
        guises: Iterable[Guise] = (),
        notes: Iterable[Notes] = (),
    ) -> Library:
        """Make a library of one pack.

        Args:
            name: The name of the pack.
            contents: Decorated functions, nodes, or modules whose decorated functions are taken.
            environment: Tells what the results depend on beside the inputs.
            around: What is entered around each call of a synchronous node, in its thread; importing what it computes
                with belongs there, since entering is not counted as the node's time.
            checks: What is checked when a graph is joined.
            guises: How values of its types look to nodes that were written for another runtime.
            notes: What is told of a graph that can run, when it is validated.
        """
        functions = tuple(function for content in contents for function in _functions(content))
        return cls((Pack(name, functions, environment, around, tuple(checks), tuple(guises), tuple(notes)),))

    def __add__(self, other: Library) -> Library:
        return Library(self.packs + other.packs, self.failures + other.failures)

    @cached_property
    def _by_id(self) -> dict[str, tuple[Node, Pack]]:
        by_id: dict[str, tuple[Node, Pack]] = {}
        for pack in self.packs:
            for id, node in pack.nodes.items():
                by_id.setdefault(id, (node, pack))
        return by_id

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the packs: nodes that do not count, because an earlier pack has the same id."""
        hidden: dict[tuple[str, str], list[str]] = {}
        for pack in self.packs:
            for id, node in pack.nodes.items():
                if node is not self[id]:
                    hidden.setdefault((pack.name, self.pack(id).name), []).append(shown(id))
        return tuple(
            f"the pack {shown(later)} has {listed(ids)} too; what {shown(first)} has counts."
            for (later, first), ids in hidden.items()
        )

    def __getitem__(self, id: str) -> Node:
        return self._by_id[id][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def pack(self, id: str) -> Pack:
        """The pack that a node belongs to."""
        return self._by_id[id][1]

    @cached_property
    def environments(self) -> Mapping[str, Mapping[str, str]]:
        """What the results of each pack depend on beside the inputs, by the pack's name."""
        return {pack.name: dict(pack.environment()) for pack in self.packs}


def _functions(content: ModuleType | Callable[..., object] | Node) -> Iterator[Callable[..., object] | Node]:
    """The nodes in a module, in the order they stand there; what it imports from elsewhere is not its own."""
    if not isinstance(content, ModuleType):
        yield content
        return
    for thing in vars(content).values():
        if is_node(thing) and getattr(thing, "__module__", "") == content.__name__:
            yield thing
