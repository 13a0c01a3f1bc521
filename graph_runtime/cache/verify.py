"""Checks everything that a cache holds on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .codec import Stale
from .entry import Damaged, checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .bound import Bound
    from .shelf import Shelf


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        entries: How many results were checked.
        damaged: The names of those that are damaged or incomplete; they are out of use now.
        bytes: How many bytes were read.
    """

    entries: int = 0
    damaged: tuple[str, ...] = ()
    bytes: int = 0


class Check:
    """Reads every entry with its blobs, each blob once.

    Args:
        shelf: The files.
        bound: Takes damaged ones out of use.
    """

    def __init__(self, shelf: Shelf, bound: Bound) -> None:
        self._shelf = shelf
        self._bound = bound
        self._whole: set[str] = set()
        self._bytes = 0

    def run(self, progress: Callable[[int, int], object]) -> Report:
        """Check everything.

        Args:
            progress: Is told how many entries of how many are done.
        """
        paths = [file.path for file in self._shelf.files() if file.kind == "entries"]
        damaged: list[str] = []
        progress(0, len(paths))
        for done, path in enumerate(paths, 1):
            if not self._is_whole(path):
                damaged.append(path.stem)
            progress(done, len(paths))
        return Report(len(paths), tuple(damaged), self._bytes)

    def _is_whole(self, path: Path) -> bool:
        try:
            self._bytes += path.stat().st_size
            for digest in self._shelf.manifest(path).beside - self._whole:
                self._bytes += len(checked(digest, self._shelf.content(digest)))
                self._whole.add(digest)
        except FileNotFoundError:
            if not path.exists():
                return True  # another process has removed it meanwhile
            self._bound.drop_incomplete(path)
        except Damaged as damage:
            self._bound.set_aside([path, *([self._shelf.blob(damage.blob)] if damage.blob else [])])
        except Stale:
            return True
        else:
            return True
        return False
