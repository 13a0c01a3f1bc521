"""The nodes that workflows can name: packs, found through entry points and in folders."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
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

ENTRY_POINTS = "graph_runtime.nodes"
FOLDER_PREFIX = "graph_runtime_pack_"


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
        around: What is entered around each call of a synchronous node, in its thread.
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
            around: What is entered around each call of a synchronous node, in its thread.
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


def discover(folders: Iterable[Path] = (), dialect: Dialect | None = None) -> Library:
    """Load every installed pack and the packs in the given folders.

    Installed packs are found through the entry-point group `graph_runtime.nodes`, which names a `Library`, or a module
    with nodes. Naming a folder is trusting it: each `.py` file and each package in it is imported. A pack that fails
    is reported in `failures` and stops nothing else.

    Args:
        folders: Folders with packs.
        dialect: Another way in which packs may be written.
    """
    library = Library()
    groups = (ENTRY_POINTS, *(dialect.groups if dialect is not None else ()))
    installed = importlib.metadata.entry_points()
    for group in groups:
        for point in sorted(installed.select(group=group), key=lambda point: point.name):
            library += of_point(point, library, dialect)
    for folder in folders:
        if not folder.is_dir():
            library += Library(failures=(Failure(str(folder), "there is no such folder."),))
            continue
        for path in packs_in(folder):
            library += of_path(path, library, dialect)
    return library


def packs_in(folder: Path) -> list[Path]:
    """The packs of a folder: its Python files, and its folders that hold an `__init__.py`."""
    found = (path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_")))
    return [path for path in found if _main(path).suffix == ".py" and _main(path).is_file()]


def of_path(path: Path, library: Library, dialect: Dialect | None = None) -> Library:
    """Load the pack of a file or a folder; whatever it raises becomes a reason.

    Args:
        path: The file or folder.
        library: The packs that were loaded before.
        dialect: Another way in which it may be written.
    """
    name = path.name if path.is_dir() else path.stem

    def load() -> Library:
        if dialect is None:
            return _native(name, _imported(name, path))
        with dialect.importing(path, library):
            module = _imported(name, path)
            found = dialect.read(name, module, path, library)
            return found if found is not None else _native(name, module)

    return tried(name, load)


def of_point(point: importlib.metadata.EntryPoint, library: Library, dialect: Dialect | None = None) -> Library:
    """Load an installed pack; whatever it raises becomes a reason.

    Args:
        point: Names a `Library`, or a module with nodes.
        library: The packs that were loaded before.
        dialect: Another way in which the module may be written.
    """

    def load() -> Library:
        spec = importlib.util.find_spec(point.module)
        if dialect is None or spec is None or spec.origin is None:
            return _native(point.name, importlib.import_module(point.module))
        path = Path(spec.origin)
        path = path.parent if spec.submodule_search_locations else path
        with dialect.importing(path, library):
            module = importlib.import_module(point.module)
            found = dialect.read(point.name, module, path, library)
            return found if found is not None else _native(point.name, module)

    return tried(point.name, point.load if point.attr else load)


def _main(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def tried(name: str, load: Callable[[], object]) -> Library:
    """Load one pack; whatever it raises becomes a reason."""
    try:
        loaded = load()
        if not isinstance(loaded, Library):
            raise DeclarationError(f"found {type(loaded).__name__}, needs a Library (`LIBRARY = Library.of(...)`).")
        for pack in loaded.packs:
            pack.nodes  # noqa: B018 - reads the declarations, so that a wrong one is found here
        return loaded
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, DeclarationError) else f"{type(error).__name__}: {error}"
        return Library(failures=(Failure(name, reason),))


def _imported(name: str, path: Path) -> ModuleType:
    """Import a pack by its path; its own relative imports work, and no search path is touched."""
    name = FOLDER_PREFIX + "".join(c if c.isalnum() or c == "_" else f"_{ord(c):x}_" for c in name)
    inside = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, _main(path), submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise DeclarationError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _native(name: str, module: ModuleType) -> Library:
    """The library that a pack holds, or one of the nodes in it."""
    found = getattr(module, "LIBRARY", None)
    if isinstance(found, Library):
        return found
    library = Library.of(name, module)
    if not library.packs[0].functions:
        raise DeclarationError("it holds no node and no LIBRARY.")
    return library


def _functions(content: ModuleType | Callable[..., object] | Node) -> Iterator[Callable[..., object] | Node]:
    """The nodes in a module, in the order they stand there; what it imports from elsewhere is not its own."""
    if not isinstance(content, ModuleType):
        yield content
        return
    for thing in vars(content).values():
        if is_node(thing) and getattr(thing, "__module__", "") == content.__name__:
            yield thing
