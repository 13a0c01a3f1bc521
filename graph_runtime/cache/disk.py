"""Keeps results on disk, for the next run and for other processes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from ..results import Result
from .bound import Bound
from .classes import OWN_CLASSES, name_of
from .codec import Stale
from .entry import Damaged, pack, unpack
from .protocol import Statistics
from .reasons import Reasons, nobody
from .shelf import Shelf, size, touch
from .tensors import Unstorable
from .verify import Check, Report
from .writer import WAITING_LIMIT, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class DiskCache:
    """Keeps results in a folder that several processes may share.

    Writing happens in the background; until a result is written it is given from memory. What is written is whole or
    not there, even if the process dies in the middle; what is read is checked, and set aside when it is damaged. A disk
    that is full or read-only costs the results, never the run.

    Args:
        root: The folder. Nothing is read or made before it is needed.
        limit: Bytes that the files may take up together, at any time.
        classes: The classes whose instances may be read beside plain values; `types_of` finds them.
        tell: Is told why results are not kept, each reason once; may be called from the writing thread.
        waiting: Bytes of results that may wait to be written; with more than that, `put` waits.
    """

    def __init__(
        self,
        root: Path,
        limit: int,
        classes: Iterable[type] = (),
        tell: Callable[[str], object] = nobody,
        waiting: int = WAITING_LIMIT,
    ) -> None:
        self._shelf = Shelf(root)
        self._limit = limit
        self._bound = Bound(self._shelf, limit)
        self._classes = {name_of(kind): kind for kind in (*OWN_CLASSES, *classes)}
        self._writer = Writer(self._write, waiting)
        self._reasons = Reasons(tell, str(root))
        self._lock = Lock()
        self._hits = self._misses = 0

    def __contains__(self, key: str) -> bool:
        """Tell whether a result is likely there: whether its manifest is."""
        return self._writer.get(key) is not None or size(self._shelf.entry(key)) >= 0

    def get(self, key: str) -> Result | None:
        """Read a result, or give None where there is none, it is damaged, or it does not fit this code."""
        result = self._writer.get(key) or self._read(key)
        with self._lock:
            self._hits += result is not None
            self._misses += result is None
        return result

    def put(self, key: str, result: Result) -> None:
        """Have a result written in the background; a value that has no form in a file is left out."""
        self._writer.put(key, result)

    def flush(self) -> None:
        """Return when everything that was put is written."""
        self._writer.flush()

    def statistics(self) -> Statistics:
        """Count the files and tell how much they helped."""
        self.flush()
        files = list(self._shelf.files())
        items, damaged = (sum(file.kind == kind for file in files) for kind in ("entries", "damaged"))
        return Statistics(items, sum(file.bytes for file in files), self._limit, self._hits, self._misses, damaged)

    def prune(self, limit: int) -> int:
        """Remove what was used longest ago until the rest takes up at most `limit` bytes.

        Returns:
            The bytes that the rest takes up.

        Raises:
            OSError: The folder cannot be written to.
        """
        self.flush()
        return self._bound.prune(limit)

    def clear(self) -> None:
        """Remove everything.

        Raises:
            OSError: The folder cannot be written to.
        """
        self.flush()
        self._bound.clear()

    def verify(self, progress: Callable[[int, int], object] = nobody) -> Report:
        """Read and check everything; what is damaged is taken out of use.

        Args:
            progress: Is told how many entries of how many are done.

        Raises:
            OSError: The folder cannot be written to, or a file cannot be read.
        """
        self.flush()
        return Check(self._shelf, self._bound).run(progress)

    def _write(self, key: str, result: Result) -> None:
        try:
            self._bound.keep(self._shelf.entry(key), pack(key, result, self._classes))
        except Unstorable:
            return
        except Exception as error:  # whatever a disk or a device comes up with, the run goes on
            self._reasons.say("Results are not kept on disk", error)

    def _read(self, key: str) -> Result | None:
        path = self._shelf.entry(key)
        try:
            manifest = self._shelf.manifest(path)
        except FileNotFoundError:
            return None
        except (OSError, Damaged, Stale) as error:
            self._mend(path, error)
            return None
        if manifest.key != key:
            return None
        try:
            result = unpack(manifest, self._shelf.content, self._classes)
        except (OSError, MemoryError, Damaged, Stale) as error:
            self._mend(path, error)
            return None
        touch(path)
        return result if isinstance(result, Result) else None

    def _mend(self, path: Path, error: Exception) -> None:
        """Deal with an entry that gives no result, such that it does not stand in the way of the next one."""
        try:
            if isinstance(error, Damaged):
                self._bound.set_aside([path, *([self._shelf.blob(error.blob)] if error.blob else [])])
            elif isinstance(error, FileNotFoundError):
                self._bound.drop_incomplete(path)
            elif not isinstance(error, Stale):
                self._reasons.say("A kept result cannot be read", error)
        except OSError as failure:
            self._reasons.say("A damaged result cannot be set aside", failure)
