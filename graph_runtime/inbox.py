"""Brings what threads have to say into the loop's thread, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator


class Inbox:
    """Work that threads leave for the loop; however much of it there is, one wake-up does.

    Args:
        loop: The loop.
        wake: Called in the loop's thread when there is work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._work: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._woken = False

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Leave work, from any thread; once the loop is closed, nobody is there to do it."""
        self._work.append((work, arguments))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                self._work.clear()

    def take(self) -> Iterator[tuple[Callable[..., None], tuple[object, ...]]]:
        """Take out all that is there."""
        self._woken = False  # before looking: what comes from here on wakes the loop again
        while self._work:
            yield self._work.popleft()
