"""Keeps the files of a cache within their bound, whoever writes them: what was used longest ago goes first.

All writing and removing happens under one lock. A total that is too high, left by a process that died, costs no more
than a new count; it is never too low.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .codec import Stale
from .entry import Damaged
from .lock import Total, locked
from .shelf import File, Shelf, footprint, remove, size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .entry import Entry

_SLACK = 10
"""When room is made, a tenth of the limit is made free, so that not every result has to make room for itself."""


class Bound:
    """Writes and removes files such that all of them stay within a limit.

    Args:
        shelf: The files.
        limit: Bytes that they may take up together, at any time.
    """

    def __init__(self, shelf: Shelf, limit: int) -> None:
        self._shelf = shelf
        self._limit = limit
        self._counted = False
        self._beside: dict[tuple[Path, int], frozenset[str]] = {}

    def keep(self, path: Path, entry: Entry) -> None:
        """Write an entry, unless it alone is larger than the limit; blobs that are there already are not written again.

        Raises:
            OSError: There is no room on the disk, or no permission.
        """
        largest = _needed([entry.manifest, *(blob.size for blob in entry.blobs.values())])
        if largest > self._limit:
            return
        with locked(self._shelf.lock) as total:
            used = self._used(total)
            if used + largest > self._limit:
                used = self._make_room(total, self._limit - largest, self._limit // _SLACK)
            missing = self._shelf.missing(entry)
            needed = _needed([entry.manifest, *(blob.size for blob in missing.values())])
            if used + needed > self._limit:
                return
            old = footprint(max(size(path), 0))
            total.write(used + needed)  # before anything is there, so that a death in between errs on the safe side
            for place, blob in missing.items():
                self._shelf.write(place, blob.pieces)
            self._shelf.write(path, (entry.manifest,))
            total.write(used + needed - old)

    def prune(self, limit: int) -> int:
        """Remove what was used longest ago until the rest is within a limit.

        Returns:
            The bytes that are used now.
        """
        if not self._shelf.root.is_dir():
            return 0
        with locked(self._shelf.lock) as total:
            return self._make_room(total, limit)

    def clear(self) -> None:
        """Remove everything."""
        if self._shelf.root.is_dir():
            with locked(self._shelf.lock) as total:
                total.write(_sum(file for file in self._shelf.files() if not remove(file.path)))

    def set_aside(self, paths: Iterable[Path]) -> None:
        """Take damaged files out of use."""
        with locked(self._shelf.lock):
            for path in paths:
                self._shelf.set_aside(path)

    def drop_incomplete(self, path: Path) -> None:
        """Remove an entry one of whose blobs is gone; one that was written anew or removed meanwhile is left alone."""
        with locked(self._shelf.lock):
            if any(size(self._shelf.blob(digest)) < 0 for digest in self._blobs_of(path)):
                remove(path)

    def _used(self, total: Total) -> int:
        """Count the files once, and then go by the total that all writers share."""
        known = total.read() if self._counted else None
        self._counted = True
        return self._make_room(total, self._limit) if known is None else known

    def _make_room(self, total: Total, limit: int, slack: int = 0) -> int:
        """Sweep what died writers left, and get within a limit; by some slack more if anything has to go at all."""
        files = [file for file in self._shelf.files() if file.kind != "writing" or not remove(file.path)]
        used = _sum(files)
        if used > limit:
            used = self._evict(files, used, max(limit - slack, 0))
        total.write(used)
        return used

    def _evict(self, files: list[File], used: int, limit: int) -> int:
        """Remove damaged files, blobs that no entry names, and entries with the blobs that only they name."""
        entries = sorted((file for file in files if file.kind == "entries"), key=lambda file: file.used)
        self._beside = {(file.path, file.inode): self._named_by(file) for file in entries}
        users = Counter(digest for digests in self._beside.values() for digest in digests)
        blobs = {file.path.name: file for file in files if file.kind == "blobs"}
        useless = [file for file in files if file.kind == "damaged"]
        used -= _removed([*useless, *(file for name, file in blobs.items() if not users[name])])
        for file in entries:
            if used <= limit:
                break
            named = self._beside.pop((file.path, file.inode))
            users.subtract(named)
            used -= _removed([file, *(blobs[name] for name in named if not users[name] and name in blobs)])
        return used

    def _named_by(self, file: File) -> frozenset[str]:
        """The blobs that an entry names; the manifest is read once, since it never changes in place."""
        known = self._beside.get((file.path, file.inode))
        return self._blobs_of(file.path) if known is None else known

    def _blobs_of(self, path: Path) -> frozenset[str]:
        try:
            return self._shelf.manifest(path).beside
        except (OSError, Damaged, Stale):  # it can give no result, so nothing has to be kept for it
            return frozenset()


def _needed(contents: Iterable[bytes | int]) -> int:
    return sum(footprint(content if isinstance(content, int) else len(content)) for content in contents)


def _sum(files: Iterable[File]) -> int:
    return sum(file.bytes for file in files)


def _removed(files: Iterable[File]) -> int:
    """Remove files and tell how many bytes that gave back."""
    return _sum(file for file in files if remove(file.path))
