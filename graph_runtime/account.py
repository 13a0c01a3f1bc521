"""What comes of a run's steps: says it as events, notes it in the ledger, and sums it up."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from .errors import GraphError, Problem
from .events import (
    Event,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeProgressed,
    NodeSaid,
    NodeShowed,
    NodeSkipped,
    NodeStarted,
    RunStarted,
)
from .expansion import Growth
from .injected import Tick
from .invocation import blocked_in, problem_of
from .ledger import Ledger, State
from .plan import Plan
from .results import Blocked, Result

_LONG = 1.0
"""The seconds from which it is told that something beside a step's own work took them."""


class Account:
    """Accounts for the steps of one run.

    Args:
        ledger: Where the steps stand.
        emit: Takes each event.
        carried: Tells what to say of a kept result whose files carry another workflow; "" for nothing.
    """

    def __init__(
        self, ledger: Ledger, emit: Callable[[Event], None], carried: Callable[[Result], str] = lambda result: ""
    ) -> None:
        self.failures: dict[str, NodeFailed] = {}
        self.timings: dict[str, float] = {}
        self.reused: list[str] = []
        self._said: set[str] = set()
        self._ledger = ledger
        self._emit = emit
        self._carried = carried

    def results(self, targets: Iterable[str]) -> dict[str, Result]:
        """The results of those of the targets that have one, by id."""
        states = {id: self._ledger[id] for id in targets if self._ledger.holds(id)}
        return {id: state.result for id, state in states.items() if state.result is not None}

    def planned(self, plan: Plan) -> None:
        """The run begins."""
        self._emit(RunStarted(plan.order, plan.reused))

    def started(self, state: State) -> None:
        """A step begins to compute."""
        step = state.step
        self._emit(NodeStarted(step.id, step.name, step.node.id))

    def ticked(self, state: State, tick: Tick) -> None:
        """A step reports how far it is; what comes from a thread that its node left behind is not heard."""
        if state.status != "running":
            return
        if tick.text:
            if tick.once and tick.text in self._said:
                return
            self._said.add(tick.text)
            self._emit(NodeSaid(state.step.id, tick.text))
        else:
            self._emit(NodeProgressed(state.step.id, tick.done, tick.total, tick.preview))

    def entered(self, state: State, seconds: float) -> None:
        """Entering what a pack has around a step's calls took a while; the step's own time begins after it."""
        state.started += seconds
        if seconds >= _LONG:
            said = f"its libraries were imported in {seconds:.1f} s, which is not counted as the node's time"
            self._emit(NodeSaid(state.step.id, said))

    def expanded(self, state: State, growth: Growth) -> None:
        """A sub-graph stands in for a step."""
        self._emit(NodeExpanded(state.step.id, tuple(growth.steps), growth.displays))

    def computed(self, state: State, result: Result, seconds: float) -> None:
        """A step has its result."""
        self.timings[state.step.id] = seconds
        self._done(state, result, seconds, reused=False)

    def took(self, state: State, result: Result) -> None:
        """A step takes a kept result, or one that was known from the start."""
        self.reused.append(state.step.id)
        if said := self._carried(result):
            self._emit(NodeSaid(state.step.id, said))
        self._done(state, result, 0.0, reused=True)

    def followed(self, state: State, result: Result) -> None:
        """A step takes the result of another that has the same key."""
        if blocked_in(result):
            self._emit(NodeSkipped(state.step.id, ""))
            self._ledger.settle(state.step.id, "done", result)
        else:
            self._done(state, result, 0.0, reused=True)

    def _done(self, state: State, result: Result, seconds: float, reused: bool) -> None:
        step = state.step
        self._emit(NodeFinished(step.id, seconds, reused))
        if result.shown is not None:
            self._emit(NodeShowed(step.id, step.name, result.shown, reused))
        self._ledger.settle(step.id, "done", result)

    def blocked(self, state: State, block: Blocked) -> None:
        """A block passes through a step; its message is reported where it first arrives."""
        step = state.step
        if block.message:
            self._fail(NodeFailed(step.id, Problem("refused", block.message, step.id, step.title, step.node.id)))
        else:
            self._emit(NodeSkipped(step.id, ""))
        self._ledger.settle(step.id, "done", Result(tuple(Blocked() for _ in step.node.outputs)))

    def failed(self, state: State, error: BaseException) -> None:
        """A step failed."""
        trace = "" if isinstance(error, GraphError) else "".join(traceback.format_exception(error))
        self._fail(NodeFailed(state.step.id, problem_of(state.step, error), trace))
        self._ledger.settle(state.step.id, "failed")

    def _fail(self, failure: NodeFailed) -> None:
        self.failures[failure.node] = failure
        self._emit(failure)

    def skipped(self, state: State, because: str) -> None:
        """A step will not run."""
        self._emit(NodeSkipped(state.step.id, because))
        self._ledger.settle(state.step.id, "skipped")
