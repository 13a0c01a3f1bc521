"""Carries out what nodes do: functions in the threads of their lanes, coroutines in the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from .errors import Interrupted
from .inbox import Inbox
from .injected import Folders
from .invocation import Invocation, Returned, invoke, invoke_async
from .workers import Job, Workers

if TYPE_CHECKING:
    from .declaration import Node, Resource


class Back(Protocol):
    """Takes what came of a node's calls, in the loop's thread."""

    def __call__(self, returned: Returned, entering: float = 0.0) -> None:
        """Take it, and the seconds that were spent on entering what is around the calls."""


class Crew:
    """Carries out the invocations of one run.

    Args:
        workers: The threads of each lane.
        inbox: Where what came of it is left.
        folders: Where files to choose from lie.
        stopping: Tells whether to stop before the next call of a mapped node.
        relieve: Lets go of memory that is not in use, and tells whether there was any.
    """

    def __init__(
        self,
        workers: Mapping[Resource, Workers],
        inbox: Inbox,
        folders: Folders,
        stopping: Callable[[], bool],
        relieve: Callable[[], bool],
    ) -> None:
        self._workers = workers
        self._inbox = inbox
        self._folders = folders
        self._stopping = stopping
        self._relieve = relieve
        self._jobs: dict[str, tuple[Job, Back]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

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

        def work() -> None:
            timed = _Entering(around)
            returned = invoke(invocation, timed, self._folders, self._stopping, self._relieve)
            self._inbox.put(back, returned, timed.seconds)

        async def await_it() -> None:
            self._inbox.put(back, await invoke_async(invocation, self._folders))

        if step.node.is_async:
            self._tasks[step.id] = asyncio.get_running_loop().create_task(await_it())
        else:
            job = Job(work)
            self._workers[step.node.resource].submit(job)
            self._jobs[step.id] = job, back

    def over(self, id: str) -> None:
        """Forget a node: it is over."""
        self._jobs.pop(id, None)
        self._tasks.pop(id, None)

    def stop(self) -> None:
        """Call off what has not begun, and ask what runs in the loop to stop; threads look up at their next tick."""
        for task in self._tasks.values():
            task.cancel()
        for job, back in self._jobs.values():
            if job.claim():
                self._inbox.put(back, Interrupted())


class _Entering:
    """Enters what is around calls, and measures how long that takes: libraries are imported there, once."""

    def __init__(self, around: Callable[[Node], AbstractContextManager[object]]) -> None:
        self._around = around
        self.seconds = 0.0

    @contextmanager
    def __call__(self, node: Node) -> Iterator[None]:
        began = time.perf_counter()
        with self._around(node):
            self.seconds += time.perf_counter() - began
            yield
