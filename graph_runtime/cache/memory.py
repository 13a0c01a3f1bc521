"""Keeps results in memory, the latest used of them, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from .protocol import Statistics
from .sizes import size_of

if TYPE_CHECKING:
    from ..results import Result


class MemoryCache:
    """Keeps results in memory; where there is no room, those that were used longest ago go.

    Memory that two results share is counted for each of them, so the bound errs on the safe side.

    Args:
        limit: Bytes that the results may take up together, at any time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[Result, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._lock = Lock()

    def __contains__(self, key: str) -> bool:
        """Tell whether a result is there."""
        with self._lock:
            return key in self._kept

    def get(self, key: str) -> Result | None:
        """Give a result, or None; it becomes the latest used."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: str, result: Result) -> None:
        """Keep a result, unless it alone is larger than the limit."""
        size = size_of(result)
        with self._lock:
            self._drop(key)
            if size > self._limit:
                return
            while self._bytes + size > self._limit:
                self._drop(next(iter(self._kept)))
            self._kept[key] = result, size
            self._bytes += size

    def flush(self) -> None:
        """Do nothing: what is in memory is as safe as it gets."""

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def statistics(self) -> Statistics:
        """Tell how full it is and how much it helped."""
        with self._lock:
            return Statistics(len(self._kept), self._bytes, self._limit, self._hits, self._misses)

    def _drop(self, key: str) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self._bytes -= size
