"""Runs a graph and says what happens; the only place with effects on the graph's behalf."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from .declaration import Resource
from .events import Event, NodeFailed, RunFinished
from .graph import Graph
from .injected import Folders, Service
from .keys import Ingredients
from .metadata import Metadata
from .results import Result
from .running import Run
from .workers import Workers

if TYPE_CHECKING:
    from .cache import Cache

S = TypeVar("S", bound=Service)

LANES: Mapping[Resource, int] = {"gpu": 1, "cpu": max(8, os.cpu_count() or 1), "io": 16}
"""How many nodes of each resource run at the same time: one model at once, the others side by side."""


class Cancellation:
    """Asks a run to stop; takes effect at the next tick of each running node's progress."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Ask the run to stop; may be called from any thread, and more than once."""
        self._event.set()
        for listener in list(self._listeners):
            listener()

    @property
    def requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self._event.is_set()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function when the run is asked to stop; at once if it was asked before.

        Returns:
            Takes the function back.
        """
        self._listeners.append(listener)
        if self.requested:
            listener()
        return lambda: self._listeners.remove(listener)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: Whether all targets have their results, something failed, or the run was cancelled.
        results: The results of the targets that have one, by id.
        failures: What failed, by id.
        seconds: How long the run took.
        timings: How long each node computed in seconds, by id.
        reused: The steps whose kept results were used.
        keys: The key of each step by id.
        ingredients: What went into each key, by id.
    """

    state: Literal["succeeded", "failed", "interrupted"]
    results: Mapping[str, Result] = field(default_factory=dict)
    failures: Mapping[str, NodeFailed] = field(default_factory=dict)
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    reused: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    ingredients: Mapping[str, Ingredients] = field(default_factory=dict)


class Executor:
    """Runs graphs, one after the other or side by side, and keeps what they share.

    Args:
        folders: Where runs read and write.
        cache: Where results are kept between runs, or None to keep nothing.
        lanes: How many nodes of each resource run at the same time.
        previews: Whether nodes draw previews of work in progress.
        metadata: What saved files carry of the workflow that made them.
        results: Whether outcomes hold the results of targets; without, kept ones are not read where nothing runs.
    """

    def __init__(
        self,
        folders: Folders | None = None,
        cache: Cache | None = None,
        lanes: Mapping[Resource, int] = LANES,
        previews: bool = False,
        metadata: Metadata = "full",
        results: bool = True,
    ) -> None:
        self.folders = folders or Folders()
        self.cache = cache
        self.lanes = dict(lanes)
        self.previews = previews
        self.metadata = metadata
        self.results = results
        self.workers = {name: Workers(count, f"node-{name}") for name, count in lanes.items()}
        self._services: dict[type[Service], Service] = {}
        self._lock = threading.RLock()

    def service(self, kind: type[S]) -> S:
        """Give the one service of a class, opened when it is first asked for."""
        with self._lock:
            if kind not in self._services:
                self._services[kind] = kind.open(self.folders)
            found = self._services[kind]
            assert isinstance(found, kind)
            return found

    async def run(
        self,
        graph: Graph,
        emit: Callable[[Event], None] = lambda event: None,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run a graph.

        Args:
            graph: The graph; its targets are what is wanted.
            emit: Takes each event, in the thread that runs the loop.
            cancellation: Asks the run to stop.

        Returns:
            The results of the targets, and what failed. A failing node fails what depends on it and nothing else.
        """
        started = time.perf_counter()
        run = Run(self, graph, emit, cancellation or Cancellation())
        try:
            state = await run.finish()
            if self.cache is not None:
                await asyncio.to_thread(self.cache.flush)
        except asyncio.CancelledError:
            emit(RunFinished("interrupted", time.perf_counter() - started))
            raise
        seconds = time.perf_counter() - started
        emit(RunFinished(state, seconds))
        account, names = run.account, run.names
        results = account.results(graph.targets) if self.results else {}
        return Outcome(
            state, results, account.failures, seconds, account.timings, tuple(account.reused), names.keys,
            names.ingredients,
        )  # fmt: skip

    def relieve(self) -> bool:
        """Have the services let go of what is not in use, because memory ran short; tell whether there was anything."""
        with self._lock:
            services = list(self._services.values())
        return sum(service.relieve() for service in services) > 0

    def free(self) -> None:
        """Close the services while nothing runs; each opens again when it is next asked for."""
        with self._lock, ExitStack() as stack:
            while self._services:
                stack.callback(self._services.popitem()[1].close)

    def close(self) -> None:
        """Close the services and the threads; the executor runs nothing afterwards."""
        with ExitStack() as stack:
            stack.callback(self.free)
            for workers in self.workers.values():
                stack.callback(workers.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
