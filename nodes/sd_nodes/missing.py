"""What is said of a model that is not there: where it was looked for, what comes nearest, what to do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from graph_runtime import NodeError, files_in, listed, nearest
from sd_nodes import hub
from sd_nodes.pickles import PICKLE_REASON, PICKLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graph_runtime import Folders


def not_found(name: str, title: str, present: Sequence[str], roots: Sequence[Path], folders: Folders) -> NodeError:
    """Return the error of a name that leads to no model.

    Args:
        name: The name.
        title: The kind of model.
        present: The names of the models of this kind.
        roots: The user's folders in which it was looked for.
        folders: Where models of all kinds lie.
    """
    near = _near(name, present)
    there = listed(sorted(present, key=lambda each: each != near))
    elsewhere = _elsewhere(name, folders) if _bare(near) != _bare(name) else ""
    cache = f" Nor is it in the local hub cache {hub.hub_cache()}: {_fetching(name)}." if hub.is_hub_id(name) else ""
    return NodeError(
        f"There is no {title} “{name}”{_searched(roots)}.{cache}{f' There is: {there}.' if there else ''}"
        f"{elsewhere}{_unread(roots)} {_advice(roots)}",
        nearest=near,
    )


def _searched(roots: Sequence[Path]) -> str:
    """Tell the folders that are there; where none is, that they are not."""
    there = [str(root) for root in roots if root.is_dir()]
    if there or not roots:
        return f" in {listed(there)}" if there else ""
    return f": {listed(map(str, roots))} {'is' if len(roots) == 1 else 'are'} not there"


def _fetching(name: str) -> str:
    return f"fetch it with controlgraph fetch {name}, or run with --fetch"


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
    return (path.stem if path.suffix in {".safetensors", ".sft", *PICKLES} else path.name).casefold()


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
    found = {
        PurePosixPath(path).name
        for root in roots
        for path in files_in(root, lambda name: PurePosixPath(name).suffix in PICKLES)
    }
    return f" Not opened: {listed(sorted(found))}; {PICKLE_REASON}." if found else ""


def _advice(roots: Sequence[Path]) -> str:
    first = next((root for root in roots if root.is_dir()), roots[0] if roots else None)
    return f"{f'Put it into {first}, or give' if first else 'Give'} --models the folder where it lies."
