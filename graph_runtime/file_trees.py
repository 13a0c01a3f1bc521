"""Lists the files below a folder, and remembers the list for as long as no folder in it changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SETTLED = 2 * 10**9
"""Nanoseconds after which the time of a folder's last change tells of every later one: file systems count coarsely."""

_REMEMBERED = 64
_GONE, _UNSETTLED = -1, -2


@dataclass(frozen=True, slots=True)
class _Tree:
    """The files below a folder, as sorted relative paths, and when each folder last changed, as far as it tells."""

    files: tuple[str, ...]
    changed: Mapping[str, int]

    def stands(self) -> bool:
        """Tell whether nothing has changed since."""
        return all(_changed(folder) == when for folder, when in self.changed.items())


_trees: dict[str, _Tree] = {}


def files_in(folder: Path, wanted: Callable[[str], bool]) -> list[str]:
    """The files below a folder whose names are wanted, at any depth, as sorted relative paths with forward slashes.

    Links are followed, and each folder is entered once, so that links in a circle do no harm. Folders whose names begin
    with a dot are passed over, and so is what may not be read.
    """
    root = str(folder.absolute())
    tree = _trees.pop(root, None)
    if tree is None or not tree.stands():
        tree = _walked(root)
    _trees[root] = tree
    while len(_trees) > _REMEMBERED:
        _trees.pop(next(iter(_trees)), None)
    return [path for path in tree.files if wanted(path.rpartition("/")[2])]


def _walked(root: str) -> _Tree:
    files: list[str] = []
    changed: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    pending = [(root, "")]
    while pending:
        folder, below = pending.pop()
        changed[folder] = _GONE
        try:
            status = os.stat(folder)  # noqa: PTH116 - of thousands of folders
            settled = time.time_ns() - status.st_mtime_ns > SETTLED
            changed[folder] = status.st_mtime_ns if settled else _UNSETTLED
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError:
            continue
        for entry in entries:
            kind = _kind(entry)
            if kind == "file":
                files.append(f"{below}{entry.name}")
            elif kind == "folder" and not entry.name.startswith("."):
                pending.append((entry.path, f"{below}{entry.name}/"))
            elif entry.is_symlink():
                changed[entry.path] = _GONE  # what it leads to may come back
    return _Tree(tuple(sorted(files)), changed)


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", ""]:
    """What an entry is, or leads to; "" where that is neither, or cannot be told, as of a link to itself."""
    try:
        return "file" if entry.is_file() else "folder" if entry.is_dir() else ""
    except OSError:
        return ""


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return _GONE
