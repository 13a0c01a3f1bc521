"""Carries out what nodes do: functions in the threads of their lanes, coroutines in the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from .errors import Interrupted
from .inbox import Inbox, Outbox
from .injected import Folders
from .invocation import Invocation, Returned, invoke, invoke_async
from .workers import Job, Workers

if TYPE_CHECKING:
    from .declaration import Node, Resource


class Back(Protocol):
    """Takes what came of a node's calls."""

    def __call__(self, returned: Returned, entering: float = 0.0) -> None:
        """Take it, and the seconds that were spent on entering what is around the calls."""


class Crew:
    """Carries out the invocations of one run.

    Args:
        workers: The threads of each lane.
        inbox: Where what came of it is left.
        outbox: Where coroutines are begun and called off.
        folders: Where files to choose from lie.
        stopping: Tells whether to stop before the next call of a mapped node.
        relieve: Lets go of memory that is not in use, and tells whether there was any.
    """

    def __init__(
        self,
        workers: Mapping[Resource, Workers],
        inbox: Inbox,
        outbox: Outbox,
        folders: Folders,
        stopping: Callable[[], bool],
        relieve: Callable[[], bool],
    ) -> None:
        self._workers = workers
        self._inbox = inbox
        self._outbox = outbox
        self._folders = folders
        self._stopping = stopping
        self._relieve = relieve
        self._jobs: dict[str, tuple[Job, Back]] = {}
        self._tasks: set[asyncio.Task[Returned]] = set()

    def call(
        self,
        invocation: Invocation,
        around: Callable[[Node], AbstractContextManager[object]],
        back: Back,
    ) -> None:
        """Begin.

        Args:
            invocation: The calls of one node.
            around: What is entered around each call of a function.
            back: Takes what came of it.
        """
        step = invocation.step
        if step.node.is_async:
            self._outbox.put(self._begin, invocation, back)
            return
        workers = self._workers[step.node.resource]

        def work() -> None:
            timed = _Entering(around)
            returned = invoke(invocation, timed, self._folders, self._stopping, self._relieve)
            workers.leave()
            self._inbox.put(back, returned, timed.seconds)

        job = Job(work)
        workers.submit(job)
        self._jobs[step.id] = job, back

    def _begin(self, invocation: Invocation, back: Back) -> None:
        """Begin a coroutine, in the loop's thread; it has an end even where it is called off before it began."""

        def over(task: asyncio.Task[Returned]) -> None:
            self._tasks.discard(task)
            self._inbox.put(back, asyncio.CancelledError() if task.cancelled() else task.result())

        task = asyncio.get_running_loop().create_task(invoke_async(invocation, self._folders))
        self._tasks.add(task)
        task.add_done_callback(over)

    def over(self, id: str) -> None:
        """Forget a node: it is over."""
        self._jobs.pop(id, None)

    def stop(self) -> None:
        """Call off what has not begun, and ask what runs in the loop to stop; threads look up at their next tick."""
        self._outbox.put(self._cancel)
        for job, back in self._jobs.values():
            if job.claim():
                self._inbox.put(back, Interrupted())

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


class _Entering:
    """Enters what is around calls, and measures how long that takes: libraries are imported there, once."""

    def __init__(self, around: Callable[[Node], AbstractContextManager[object]]) -> None:
        self._around = around
        self.seconds = 0.0

    def __call__(self, node: Node) -> Self:
        self._inner = self._around(node)
        return self

    def __enter__(self) -> None:
        began = time.perf_counter()
        self._inner.__enter__()
        self.seconds += time.perf_counter() - began

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._inner.__exit__(kind, error, trace)
