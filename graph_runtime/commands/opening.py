"""Opens what the commands work on: packs, workflow files, kept results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..api_format import loads
from ..comfy.dialect import ComfyPacks
from ..discovery import discover, is_pack
from ..errors import GraphError, Problem, WorkflowError, nearest
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

_SCRIPT = (
    "is a Python script, which cannot be turned back into a workflow; needs a workflow, or a picture that carries one."
)


def library(folders: Iterable[Path], home: Folders | None = None) -> Library:
    """Load the packs; those that fail, and nodes that an earlier pack has too, are told and stop nothing.

    Args:
        folders: Folders with packs, and packs; naming one is trusting it.
        home: Where the files lie that packs list.

    Raises:
        GraphError: A folder that was named is not there.
    """
    folders = tuple(folders)
    missing = [folder for folder in folders if not folder.is_dir() and not is_pack(folder)]
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
    if folder.exists():
        return f"--nodes {terminal.clean(str(folder))}: is no pack; needs a folder, or a Python file."
    try:
        siblings = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()]
    except OSError:  # it is not there either, or may not be read
        siblings = []
    close = nearest(folder.name, siblings)
    hint = f" Did you mean {terminal.clean(str(folder.parent / close))}?" if close else ""
    return f"--nodes {terminal.clean(str(folder))}: there is no such folder.{hint}"


def graph(
    file: Path, nodes: Library, folders: Folders, settings: Sequence[str] = (), targets: Sequence[str] = ()
) -> Graph:
    """Read a workflow file, change it as the options say, and check it in full.

    Where targets are named, nothing is said of nodes that these do not need.

    Raises:
        WorkflowError: It cannot run; holds every problem.
    """
    return checked(read(file, nodes), nodes, folders, settings, targets)


def checked(
    found: Workflow, nodes: Library, folders: Folders, settings: Sequence[str] = (), targets: Sequence[str] = ()
) -> Graph:
    """Change a workflow as the options say, and check it in full; see `graph`."""
    try:
        graph = join(changed(found, nodes, folders, settings), nodes, folders, targets or None)
    except WorkflowError as error:
        if not targets:
            raise
        raise WorkflowError(error.problems, error.source) from None
    return replace(graph, warnings=()) if targets else graph


def read(file: Path, nodes: Library) -> Workflow:
    """Read a workflow file of any format; `-` is JSON on the standard input.

    Raises:
        WorkflowError: It holds no workflow.
    """
    from ..comfy.formats.reading import from_data, read_any

    if str(file) != "-":
        try:
            return read_any(file, nodes)
        except WorkflowError as error:
            if file.suffix.lower() == ".py" and file.is_file():
                raise WorkflowError([Problem("unreadable", _SCRIPT)], error.source) from None
            raise
    return from_data(loads(sys.stdin.buffer.read(), "-"), nodes, "-")


def changed(found: Workflow, nodes: Library, folders: Folders, settings: Sequence[str]) -> Workflow:
    """Change a workflow as the options say; an editor's document that cannot say so is dropped."""
    from ..comfy.formats.editing import with_document

    other = assigned(found, settings, nodes, folders)
    try:
        return with_document(found, other, nodes)
    except WorkflowError:
        return replace(other, document={})


def disk(places: Places, nodes: Library, tell: Callable[[str], object]) -> DiskCache:
    """Open the results that are kept on disk."""
    from ..cache import DiskCache, types_of

    return DiskCache(places.state / "cache", DISK_LIMIT, types_of(nodes), tell)
