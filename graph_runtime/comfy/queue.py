"""Runs the jobs one after the other, in a thread of its own, and tells how they go."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..api_format import from_json
from ..errors import Problem, WorkflowError
from ..events import Event, NodeFailed
from ..executor import Cancellation, Executor
from ..graph import Graph, join
from ..library import Library
from .jobs import Job, Jobs, Status, Unwritable, as_json
from .messages import Message, Narration, Outgoing, now
from .records import facts_of, record_of

Tell: TypeAlias = Callable[[str | None, Iterable[Outgoing]], None]

BATCH = 0.05
"""Seconds for which progress is gathered before it is told."""

RECOVERY = 1.0
"""Seconds that the queue waits after a fault of its own."""

_STATES: dict[str, Status] = {"succeeded": "completed", "failed": "failed", "interrupted": "cancelled"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The job that runs."""

    job: Job
    cancellation: Cancellation
    narration: Narration


class Queue:
    """Runs jobs on the one executor.

    Args:
        jobs: Where they are written down.
        library: The nodes.
        executor: What runs them.
        tell: Takes messages for a client, or for all; called from another thread.
        watched: Tells whether a client listens; previews are drawn only then.
        forget: Forgets the results that are kept in memory.
    """

    def __init__(
        self,
        jobs: Jobs,
        library: Library,
        executor: Executor,
        tell: Tell,
        watched: Callable[[str], bool],
        forget: Callable[[], None],
    ) -> None:
        self.jobs = jobs
        self.library = library
        self.executor = executor
        self.running: Running | None = None
        self._tell = tell
        self._watched = watched
        self._forget = forget
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = self._free_models = self._free_results = False
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    @property
    def remaining(self) -> int:
        """How many jobs wait or run."""
        return self.jobs.waiting + (self.running is not None)

    def status(self) -> Message:
        """Say how many jobs are left."""
        return Message("status", {"status": {"exec_info": {"queue_remaining": self.remaining}}})

    def start(self) -> None:
        """Begin to run what waits."""
        self._thread.start()

    def wake(self) -> None:
        """Look whether there is something to do; tell everybody how many jobs are left."""
        self._tell(None, [self.status()])
        self._wake.set()

    def interrupt(self, id: str | None = None) -> bool:
        """Cancel the job that runs, if it is the one that is meant; tell whether it is."""
        with self._lock:
            running = self.running
        if running is None or id not in (None, running.job.summary.id):
            return False
        running.cancellation.cancel()
        return True

    def free(self, models: bool, results: bool) -> None:
        """Give back memory as soon as no job runs: what services hold, and kept results."""
        self._free_models |= models
        self._free_results |= results
        self._wake.set()

    def close(self) -> None:
        """Stop; the job that runs waits again."""
        self._closing = True
        self.interrupt()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        """Run jobs until the queue closes; a fault, such as a full disk, is logged and stops nothing."""
        with asyncio.Runner() as runner:
            while not self._closing:
                self._wake.clear()
                try:
                    self._give_back()
                    if running := self._next():
                        runner.run(self._run(running))
                    else:
                        self._wake.wait()
                except Exception:
                    _log.exception("the queue met a fault")
                    self.running = None
                    self._wake.wait(RECOVERY)

    def _next(self) -> Running | None:
        with self._lock:
            job = self.jobs.take(now())
            if job is not None:
                narration = Narration(job.summary.id, self.executor.folders)
                self.running = Running(job, Cancellation(), narration)
            return self.running

    def _give_back(self) -> None:
        models, results = self._free_models, self._free_results
        self._free_models = self._free_results = False
        if results:
            self._forget()
        if models:
            self.executor.free()

    async def _run(self, running: Running) -> None:
        """Run one job to its end; whatever happens, it ends."""
        narration, client = running.narration, running.job.summary.client
        self._tell(client, [narration.logged("execution_start", {})])
        progress = asyncio.create_task(self._report(running))
        try:
            state = await self._executed(running)
        except Exception as error:
            _log.exception("the job %s cannot be run", narration.job)
            narration.failures.append(NodeFailed("", Problem("failed", f"{type(error).__name__}: {error}")))
            state = "failed"
        progress.cancel()
        with suppress(asyncio.CancelledError):
            await progress
        self._end(running, _STATES[state])

    async def _executed(self, running: Running) -> str:
        narration, client = running.narration, running.job.summary.client

        def emit(event: Event) -> None:
            self._tell(client, narration.tell(event))

        try:
            graph = self._joined(running.job)
        except WorkflowError as error:
            narration.failures.extend(NodeFailed(problem.node, problem) for problem in error.problems)
            return "failed"
        narration.steps = graph.steps
        self.executor.previews = self._watched(client)
        outcome = await self.executor.run(graph, emit, running.cancellation)
        return outcome.state

    def _joined(self, job: Job) -> Graph:
        """Check a job again: files may have changed since it was accepted."""
        extra = json.loads(job.extra)
        document = extra.get("extra_pnginfo", {}).get("workflow") or {}
        workflow = replace(from_json(json.loads(job.prompt)), document=document)
        return join(workflow, self.library, self.executor.folders, json.loads(job.targets))

    async def _report(self, running: Running) -> None:
        while True:
            await asyncio.sleep(BATCH)
            self._tell(running.job.summary.client, running.narration.progress())

    def _end(self, running: Running, status: Status) -> None:
        """Write down how a job ended, then tell it."""
        narration, job = running.narration, running.job.summary
        if self._closing and status == "cancelled":
            self.jobs.put_back(job.id)
            return
        last = list(narration.progress())
        if status == "completed":
            last.append(narration.logged("execution_success", {}))
        elif status == "failed":
            last.extend(narration.failed())
        else:
            last.append(narration.interrupted())
        if not self._written(job.id, status, as_json(facts_of(narration)), as_json(record_of(narration, status))):
            return
        with self._lock:
            self.running = None
        self._tell(job.client, last)
        self._tell(None, [self.status()])
        self._tell(job.client, [Message("executing", {"node": None, "prompt_id": job.id})])

    def _written(self, id: str, status: Status, facts: str, record: str) -> bool:
        """Write down how a job ended, as soon as that can be done: the disk may be full for a while.

        Returns:
            Whether it was done; where the queue closed before, the job waits again at the next start.
        """
        while not self._closing:
            try:
                self.jobs.finish(id, status, now(), facts, record)
                return True
            except Unwritable as error:
                _log.error("the end of the job %s: %s", id, error)
                time.sleep(RECOVERY)
        return False
