"""Keeps account of a run: which step waits for which, whose turn has come, which results are still needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from .results import Result
from .step import Step

if TYPE_CHECKING:
    from .expansion import Growth

Status: TypeAlias = Literal["waiting", "running", "expanding", "done", "failed", "skipped", "released"]


@dataclass(slots=True)
class State:
    """Where one step stands.

    Attributes:
        step: The step.
        position: Its place in line.
        status: "released" is done, with the result given back.
        sources: The steps it waits for, or waited for.
        waiting: How many of them are not over yet.
        consumers: The steps that wait for it.
        pending: How many steps still need its result.
        result: Its result, while it is needed.
        because: The failed step on whose account it cannot run.
        follows: The step with the same key whose result it takes.
        growth: The sub-graph that stands in for it.
        awaited: Called when it is over, for nodes that await it as a lazy input.
        started: When it was started, on the performance counter.
    """

    step: Step
    position: int
    status: Status = "waiting"
    sources: list[str] = field(default_factory=list)
    waiting: int = 0
    consumers: list[str] = field(default_factory=list)
    pending: int = 0
    result: Result | None = None
    because: str = ""
    follows: str = ""
    growth: Growth | None = None
    awaited: list[Callable[[], None]] = field(default_factory=list)
    started: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("done", "failed", "skipped", "released")

    @property
    def broken(self) -> bool:
        """Whether it will never have a result."""
        return self.status in ("failed", "skipped")


class Ledger:
    """The states of a run's steps.

    Args:
        keep: The steps whose results are kept to the end.
    """

    def __init__(self, keep: Collection[str]) -> None:
        self.states: dict[str, State] = {}
        self.kept = set(keep)
        self._leaders: dict[str, str] = {}
        self._over: deque[str] = deque()
        self._unneeded: list[State] = []

    def __getitem__(self, id: str) -> State:
        return self.states[id]

    def holds(self, id: str) -> bool:
        """Tell whether a step is in the run, and its result not given back."""
        return id in self.states and self.states[id].status != "released"

    def settled(self, id: str) -> bool:
        """Tell whether a step is over."""
        return id in self.states and self.states[id].settled

    def enter(self, step: Step) -> None:
        """Take a step into the run, unless it is there already."""
        if not self.holds(step.id):
            self.states[step.id] = State(step, len(self.states))

    def leader(self, id: str, key: str) -> str:
        """The step of the same key that is in the run and may yet have a result, or "" where this one leads."""
        leader = self._leaders.get(key, id)
        if leader != id and self.holds(leader) and not self.states[leader].broken:
            return leader
        self._leaders[key] = id
        return ""

    def hold(self, ids: Iterable[str]) -> None:
        """Keep the results of these steps to the end, too: nobody can tell when they are asked for."""
        self.kept.update(ids)

    def lend(self, id: str, source: str) -> State:
        """Note that a running step needs the result of another until it is over."""
        self.states[id].sources.append(source)
        self.states[source].pending += 1
        return self.states[source]

    def wait(self, id: str, sources: Iterable[str]) -> None:
        """Let a step wait for others."""
        state = self.states[id]
        for name in sources:
            source = self.states[name]
            source.pending += 1
            state.sources.append(name)
            if source.broken:
                state.because = state.because or name
            elif not source.settled:
                source.consumers.append(id)
                state.waiting += 1

    def settle(self, id: str, status: Literal["done", "failed", "skipped"], result: Result | None = None) -> None:
        """Note that a step is over; `drain` tells whose turn has come."""
        state = self.states[id]
        state.status, state.result = status, result
        self._over.append(id)

    def drain(self) -> Iterator[State]:
        """Yield each state that waits no longer: its sources are done, or `because` names what broke it."""
        while self._over or self._unneeded:
            while self._unneeded:
                yield self._unneeded.pop()
            if self._over:
                yield from self._told(self.states[self._over.popleft()])

    def _told(self, state: State) -> Iterator[State]:
        for answer in state.awaited:
            answer()
        consumers, state.consumers = state.consumers, []
        for name in consumers:
            consumer = self.states[name]
            if consumer.settled:
                continue
            consumer.waiting -= 1
            if state.broken:
                consumer.because = consumer.because or state.step.id
            if consumer.because or consumer.waiting == 0:
                yield consumer
        for name in state.sources:
            self._release(name, state)
        if state.pending == 0:
            self._give_back(state)

    def _release(self, name: str, consumer: State) -> None:
        """A consumer is over: give a result back when it was the last, and drop what only a broken one needed."""
        source = self.states[name]
        source.pending -= 1
        if source.pending > 0 or name in self.kept:
            return
        if source.status == "waiting" and consumer.broken:
            source.because = consumer.because or consumer.step.id
            self._unneeded.append(source)
        self._give_back(source)

    def _give_back(self, state: State) -> None:
        if state.status == "done" and state.step.id not in self.kept:
            state.status, state.result = "released", None
