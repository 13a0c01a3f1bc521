"""Opens what the commands work on: packs, workflow files, kept results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..comfy.dialect import ComfyPacks
from ..discovery import discover
from ..errors import GraphError, WorkflowError, nearest
from ..graph import Graph, join
from ..injected import Folders
from ..library import Library
from ..workflow import Workflow
from . import terminal
from .assign import assigned
from .options import Places, pack_folder, state_folder

if TYPE_CHECKING:
    from ..cache import DiskCache

DISK_LIMIT = 20 * 10**9
"""Bytes that the kept results of all workflows may take up on disk."""


TRUST = "trusted.json"
"""The file of the state folder in which it is written down which packs the user trusts."""


def library(folders: Iterable[Path], home: Folders | None = None) -> Library:
    """Load the packs; those that fail, and nodes that an earlier pack has too, are told and stop nothing.

    Args:
        folders: Folders with packs; naming one is trusting it.
        home: Where the files lie that packs list.

    Raises:
        GraphError: A folder that was named is not there.
    """
    folders = tuple(folders)
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        raise GraphError("\n".join(_no_folder(folder) for folder in missing))
    users = pack_folder()
    home = home or Folders(state=state_folder())
    dialect = ComfyPacks(home)
    found = discover(folders, dialect)
    if users.is_dir():
        from ..comfy.packs.trust import trusted

        found = trusted(users, (home.state or state_folder()) / TRUST, found, dialect)
    for failure in found.failures:
        terminal.complain(
            f"warning: the pack {terminal.clean(failure.name)} cannot be loaded: {terminal.clean(failure.reason)}"
        )
    for warning in found.warnings:
        terminal.complain(f"warning: {warning}")
    return found


def _no_folder(folder: Path) -> str:
    siblings = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] if folder.parent.is_dir() else []
    close = nearest(folder.name, siblings)
    hint = f" Did you mean {terminal.clean(str(folder.parent / close))}?" if close else ""
    return f"--nodes {terminal.clean(str(folder))}: there is no such folder.{hint}"


def each(files: Sequence[Path], open_one: Callable[[Path], Graph]) -> tuple[list[Graph], list[WorkflowError]]:
    """Open several files: those that can run, and what is wrong with the others."""
    graphs: list[Graph] = []
    errors: list[WorkflowError] = []
    for file in files:
        try:
            graphs.append(open_one(file))
        except WorkflowError as error:
            errors.append(error)
    return graphs, errors


def graph(
    file: Path, nodes: Library, folders: Folders, settings: Sequence[str] = (), targets: Sequence[str] = ()
) -> Graph:
    """Read a workflow file, change it as the options say, and check it in full.

    Raises:
        WorkflowError: It cannot run; holds every problem.
    """
    return join(workflow(file, nodes, folders, settings), nodes, folders, targets or None)


def workflow(file: Path, nodes: Library, folders: Folders, settings: Sequence[str]) -> Workflow:
    """Read a workflow file and change it as the options say; an editor's document that cannot say so is dropped."""
    from ..comfy.formats.editing import with_document
    from ..comfy.formats.reading import read_any

    found = read_any(file, nodes)
    changed = assigned(found, settings, nodes, folders)
    try:
        return with_document(found, changed, nodes)
    except WorkflowError:
        return replace(changed, document={})


def disk(places: Places, nodes: Library, tell: Callable[[str], object]) -> DiskCache:
    """Open the results that are kept on disk."""
    from ..cache import DiskCache, types_of

    return DiskCache(places.state / "cache", DISK_LIMIT, types_of(nodes), tell)
