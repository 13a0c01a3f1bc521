"""Carries work between the threads of a run: onto its books, and back into the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

from .guard import Guard

_Work: TypeAlias = deque[tuple[Callable[..., None], tuple[object, ...]]]

_MOMENT = 0.005  # seconds


class Inbox:
    """Work on the books of a run, left by any thread and done by one at a time, in order.

    Who leaves work while nobody is at the books does it, and what others leave meanwhile. So a thread whose node is
    over finds out itself what comes next, and wakes no other.

    Args:
        guard: Does the work.
        then: Called at the books once there is no work left.
    """

    def __init__(self, guard: Guard, then: Callable[[], None]) -> None:
        self._guard = guard
        self._then = then
        self._work: _Work = deque()
        self._taken = Lock()

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Leave work; it is done on return, unless somebody else is at the books and will do it."""
        self._work.append((work, arguments))
        while self._work and self._taken.acquire(blocking=False):
            try:
                while self._work:
                    work, arguments = self._work.popleft()
                    self._guard.do(work, *arguments)
                self._guard.do(self._then)
            finally:
                self._taken.release()


class Outbox:
    """Work for the loop's thread, done in order.

    Args:
        loop: The loop.
        guard: Does the work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, guard: Guard) -> None:
        self._loop = loop
        self._guard = guard
        self._work: _Work = deque()
        self._woken = self._gathering = False

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Leave work that somebody waits for, from any thread; once the loop is closed, nobody is there to do it."""
        self._work.append((work, arguments))
        self._wake()

    def tell(self, work: Callable[..., None], *arguments: object) -> None:
        """Leave work that can wait a moment where other work was just done: a thousand wake-ups cost more than it."""
        self._work.append((work, arguments))
        if not self._gathering:
            self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:
                self._work.clear()

    def _take(self) -> None:
        self._woken = False  # before looking: what comes from here on wakes the loop again
        self._do()
        if not self._gathering:
            self._gather()

    def _gather(self) -> None:
        """Look again in a moment, as long as there is something each time."""
        self._gathering = True
        self._loop.call_later(_MOMENT, self._gathered)

    def _gathered(self) -> None:
        if self._work:
            self._do()
            self._gather()
            return
        self._gathering = False
        if self._work:  # it came between the two lines above
            self._wake()

    def _do(self) -> None:
        """Do what is there; what comes meanwhile waits, so that the loop gets to other things."""
        for _ in range(len(self._work)):
            work, arguments = self._work.popleft()
            self._guard.do(work, *arguments)
