"""Writes in the background, so that a run does not wait for the disk."""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING

from .sizes import size_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..results import Result

WAITING_LIMIT = 1 << 30
"""Bytes that may wait where nothing else is said."""


class Writer:
    """Hands results to one thread, in the order in which they come.

    The thread lives while there is something to write, and a program does not end before it is done. What waits is
    bounded: once it is full, whoever brings more waits too.

    Args:
        write: Writes a result.
        limit: Bytes that may wait; a larger result waits alone.
    """

    def __init__(self, write: Callable[[str, Result], None], limit: int) -> None:
        self._write = write
        self._limit = limit
        self._waiting: dict[str, tuple[Result, int]] = {}
        self._bytes = 0
        self._running = False
        self._changed = Condition()

    def put(self, key: str, result: Result) -> None:
        """Have a result written."""
        size = size_of(result)
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._bytes + size <= self._limit)
            self._drop(key)
            self._waiting[key] = result, size
            self._bytes += size
            if not self._running:
                self._start()

    def get(self, key: str) -> Result | None:
        """Give a result that still waits, or is being written."""
        with self._changed:
            return self._waiting.get(key, (None, 0))[0]

    def flush(self) -> None:
        """Return when nothing waits any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                try:
                    self._write(*item)
                finally:
                    self._written(*item)
        except BaseException:  # another thread goes on with the rest, so that nobody waits for ever
            with self._changed:
                self._running = False
                if self._waiting:
                    self._start()
            raise

    def _start(self) -> None:
        Thread(target=self._run, name="cache writer", daemon=False).start()
        self._running = True

    def _next(self) -> tuple[str, Result] | None:
        """Give what came first; where nothing waits, the thread ends."""
        with self._changed:
            for key, (result, _) in self._waiting.items():
                return key, result
            self._running = False
            return None

    def _written(self, key: str, result: Result) -> None:
        """Forget a result, unless another one for its key came meanwhile."""
        with self._changed:
            if self._waiting[key][0] is result:
                self._drop(key)
                self._changed.notify_all()

    def _drop(self, key: str) -> None:
        _, size = self._waiting.pop(key, (None, 0))
        self._bytes -= size
