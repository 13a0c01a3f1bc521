"""Threads that take jobs off one line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Job:
    """Work for a thread, done or called off, never both.

    Args:
        work: What a thread does; it tells by itself what came of it.
    """

    __slots__ = ("_claimed", "_work")

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._claimed = threading.Lock()

    def claim(self) -> bool:
        """Take the job: true for the first who asks, false for everybody after."""
        return self._claimed.acquire(blocking=False)

    def __call__(self) -> None:
        """Do the work, unless it was called off."""
        if self.claim():
            self._work()


class _Own(threading.local):
    """What a thread knows of itself."""

    leaving = False
    next: Callable[[], None] | None = None


class Workers:
    """Threads that do jobs in the order they come, started as they are needed.

    Args:
        count: How many threads there are at most.
        name: What the threads are called, for debuggers.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._busy = 0
        self._closed = False
        self._own = _Own()

    def submit(self, job: Callable[[], None]) -> None:
        """Put a job in line; a thread that is about to be free takes it at once, where nobody waits in line.

        Raises:
            RuntimeError: The workers were sent home.
        """
        if self._own.leaving and self._jobs.empty() and not self._closed:
            self._own.next, self._own.leaving = job, False
            return
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor is closed, so it runs nothing more")
            self._busy += 1
            if self._busy > len(self._threads) < self._count:
                thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)

    def leave(self) -> None:
        """Say, in a job, that it only has to tell what came of it: its thread is as good as free."""
        self._own.leaving = True

    def _work(self) -> None:
        own = self._own
        while (job := self._jobs.get()) is not None:
            try:
                while job is not None:
                    job()
                    job, own.next, own.leaving = own.next, None, False
            finally:
                del job  # what it holds on to may be large, and the next one may be long in coming
                with self._lock:
                    self._busy -= 1

    def close(self) -> None:
        """Do what is in line, then send the threads home."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()
