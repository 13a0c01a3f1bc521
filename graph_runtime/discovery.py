"""Finds packs, installed and in folders, and loads them."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from .errors import DeclarationError
from .library import Dialect, Failure, Library

ENTRY_POINTS = "graph_runtime.nodes"
FOLDER_PREFIX = "graph_runtime_pack_"


def discover(folders: Iterable[Path] = (), dialect: Dialect | None = None) -> Library:
    """Load every installed pack and the packs in the given folders, or the packs that are given themselves.

    Installed packs are found through the entry-point group `graph_runtime.nodes`, which names a `Library`, or a module
    with nodes. Naming a folder is trusting it: each `.py` file and each package in it is imported. A folder that holds
    an `__init__.py`, and a `.py` file, is itself a pack. A pack that fails is reported in `failures` and stops nothing
    else.

    Args:
        folders: Folders with packs, and packs.
        dialect: Another way in which packs may be written.
    """
    library = Library()
    groups = (ENTRY_POINTS, *(dialect.groups if dialect is not None else ()))
    installed = importlib.metadata.entry_points()
    for group in groups:
        for point in sorted(installed.select(group=group), key=lambda point: point.name):
            library += of_point(point, library, dialect)
    for folder in folders:
        if not folder.is_dir() and not is_pack(folder):
            library += Library(failures=(Failure(str(folder), "there is no such folder."),))
            continue
        for path in [folder.absolute()] if is_pack(folder) else packs_in(folder):
            library += of_path(path, library, dialect)
    return library


def packs_in(folder: Path) -> list[Path]:
    """The packs of a folder: its Python files, and its folders that hold an `__init__.py`."""
    found = (path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_")))
    return [path for path in found if is_pack(path)]


def is_pack(path: Path) -> bool:
    """Tell whether a path is a pack itself: a Python file, or a folder that holds an `__init__.py`."""
    return _main(path).suffix == ".py" and _main(path).is_file()


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
        path = _path_of(point.module)
        if dialect is None or path is None:
            return _native(point.name, importlib.import_module(point.module))
        with dialect.importing(path, library):
            module = importlib.import_module(point.module)
            found = dialect.read(point.name, module, path, library)
            return found if found is not None else _native(point.name, module)

    return tried(point.name, point.load if point.attr else load)


def _path_of(module: str) -> Path | None:
    """The file or folder of a module, found without importing the packages that it lies in; None where there is none.

    A module that is neither a Python file nor a package has the folder of its outermost package.
    """
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    if not roots:
        return Path(spec.origin) if spec.origin is not None else None
    places = [root.joinpath(*below) for root in roots]
    paths = (path for place in places for path in (place, place.with_suffix(".py")))
    return next((path for path in paths if _main(path).is_file()), roots[0])


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
