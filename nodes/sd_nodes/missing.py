"""What is said of a model that is not there: where it was looked for, what comes nearest, what to do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from graph_runtime import NodeError, files_in, listed, nearest
from sd_nodes import hub
from sd_nodes.pickles import UNREAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graph_runtime import Folders


def not_found(
    name: str, title: str, present: Sequence[str], kinds: Sequence[str], roots: Sequence[Path], folders: Folders
) -> NodeError:
    """Return the error of a name that leads to no model.

    Args:
        name: The name.
        title: The kind of model.
        present: The names of the models of this kind.
        kinds: The kinds of folders that hold it, its own first.
        roots: The user's folders in which it was looked for.
        folders: Where models of all kinds lie.
    """
    near = _near(name, present)
    there = listed(sorted(present, key=lambda each: each != near))
    of_hub = hub.is_hub_id(name)
    elsewhere = _elsewhere(name, folders) if _bare(near) != _bare(name) and not of_hub else ""
    cache = f" Nor is it in the local hub cache {hub.hub_cache()}." if of_hub else ""
    return NodeError(
        f"There is no {title} “{name}”{_searched(roots, folders)}.{cache}{f' There is: {there}.' if there else ''}"
        f"{elsewhere}{_unread(roots)}",
        nearest=near,
        missing=name,
        remedy=_fetching(name) if of_hub else _advice(kinds[0], folders),
    )


def _searched(roots: Sequence[Path], folders: Folders) -> str:
    """Tell the folders that are there, and which are not that somebody has written down; where none is, all of them."""
    there = [str(root) for root in roots if root.is_dir()]
    if not there:
        return f": {listed(map(str, roots))} {'is' if len(roots) == 1 else 'are'} not there" if roots else ""
    gone = [str(root) for root in roots if not root.is_dir() and not any(map(root.is_relative_to, folders.models))]
    return f" in {listed(there)}{f' (not there: {listed(gone)})' if gone else ''}"


def _fetching(name: str) -> str:
    return f"Fetch it with: controlgraph fetch {name} (or run with --fetch)."


def _near(name: str, present: Sequence[str]) -> str:
    """Return the name that comes nearest: one in another folder or with another ending, else one that is alike."""
    bare = {_bare(each): each for each in present}
    if same := bare.get(_bare(name)):
        return same
    whole = {each.removesuffix(".safetensors"): each for each in present}
    return whole.get(nearest(name.removesuffix(".safetensors"), whole), "") or bare.get(nearest(_bare(name), bare), "")


def _bare(name: str) -> str:
    """Return a name without folders, without its ending, in lower case."""
    path = PurePosixPath(name.replace("\\", "/"))
    return (path.stem if path.suffix in {".safetensors", ".sft", *UNREAD} else path.name).casefold()


def _elsewhere(name: str, folders: Folders) -> str:
    """Tell where a file of that name lies that is no model of the kind, as far as its place says."""
    file = PurePosixPath(name.replace("\\", "/")).name
    found = [str(path) for path in _everywhere(file if PurePosixPath(file).suffix else f"{file}.safetensors", folders)]
    return f" A file of that name lies at {listed(found, 3)}." if found else ""


def _everywhere(file: str, folders: Folders) -> Iterator[Path]:
    roots = dict.fromkeys(folder for kind in folders.kinds for folder in folders.of(kind))
    loose = (root / file for root in folders.models)
    yield from (path for path in loose if path.is_file())
    yield from (folder / path for folder in roots for path in files_in(folder, lambda name: name == file))


def _unread(roots: Sequence[Path]) -> str:
    """Name the files beside it that are not opened, with the reason for each kind."""
    found = {
        PurePosixPath(path).name
        for root in roots
        for path in files_in(root, lambda name: PurePosixPath(name).suffix.lower() in UNREAD)
    }
    by_reason: dict[str, list[str]] = {}
    for name in sorted(found):
        by_reason.setdefault(UNREAD[PurePosixPath(name).suffix.lower()], []).append(name)
    return "".join(f" Not opened: {listed(names)}; {reason}." for reason, names in by_reason.items())


def _advice(kind: str, folders: Folders) -> str:
    """Tell where to put it: into a folder of its kind that is there, or else the one that is called as the kind is."""
    own = sorted(folders.of(kind), key=lambda folder: (not folder.is_dir(), folder.name != kind))
    return f"{f'Put it into {own[0]}, or give' if own else 'Give'} --models the folder where it lies."
