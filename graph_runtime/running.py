"""One run of a graph: its books, kept by whichever thread has something to enter, one at a time.

Events are told and coroutines run in the loop's thread, nodes' functions in the threads of their lanes.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from .account import Account
from .awaiting import Awaiting
from .crew import Crew
from .errors import Interrupted, NodeError, Unavailable
from .events import Event
from .graph import Graph
from .growing import Growing
from .guard import Guard
from .inbox import Inbox, Outbox
from .injected import Surroundings, Tick
from .invocation import Returned, prepare
from .lanes import Lanes
from .ledger import Ledger, State
from .metadata import Carrying
from .plan import Names, Plan, on_demand, plan
from .recall import Recall
from .results import Result
from .supply import Supply

if TYPE_CHECKING:
    from .executor import Cancellation, Executor

Ending: TypeAlias = Literal["succeeded", "failed", "interrupted"]

_READERS = 8  # threads that read kept results side by side


class Run:
    """Runs one graph.

    Args:
        executor: Gives threads, cache and services.
        graph: What to run.
        emit: Takes each event.
        cancellation: Asks the run to stop.
    """

    def __init__(
        self, executor: Executor, graph: Graph, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> None:
        self.executor, self.graph, self.cancellation = executor, graph, cancellation
        self.carrying = Carrying(graph.workflow, executor.metadata)
        self.names = Names(graph.steps, graph.library, uuid.uuid4().hex, self.carrying.of)
        self.ledger = Ledger(graph.targets)
        self.guard = Guard(lambda: self.inbox.put(self.crew.stop))
        self.inbox = Inbox(self.guard, self.dispatch)
        self.outbox = Outbox(asyncio.get_running_loop(), self.guard)
        self.account = Account(self.ledger, partial(self.outbox.tell, emit), self.carrying.outdated)
        self.lanes = Lanes(executor.lanes)
        self.recall = Recall(executor.cache, executor.folders)
        self.growing = Growing(self.names, graph.library, executor.folders, self.ledger.settled)
        self.supply = Supply(
            self.ledger, Surroundings(self.names.steps, self.growing.parents), executor.folders,
            self.stopping, executor.previews, executor.service, self.demand,
            lambda id, tick: self.inbox.put(self.tick, id, tick), self.carrying,
        )  # fmt: skip
        self.over: asyncio.Future[None] = asyncio.Future()
        self.active, self.ended = 0, False
        self.crew = Crew(executor.workers, self.inbox, self.outbox, executor.folders, self.stopping, executor.relieve)
        self.awaiting = Awaiting(self.outbox)

    async def finish(self) -> Ending:
        """Run everything that is wanted, and tell how it ended.

        Raises:
            asyncio.CancelledError: The awaiting task was cancelled; nothing of the run is left behind.
        """
        self.inbox.put(self.begin)  # first: a run that is called off before it began has begun when it ends
        unsubscribe = self.cancellation.subscribe(lambda: self.inbox.put(self.crew.stop))
        try:
            await asyncio.shield(self.over)
        except asyncio.CancelledError:
            self.cancellation.cancel()
            await self.over
            raise
        finally:
            unsubscribe()
        if self.guard.fault is not None:
            raise self.guard.fault
        if self.cancellation.requested:
            return "interrupted"
        return "failed" if self.account.failures else "succeeded"

    # What is wanted

    def plan(self, targets: Sequence[str]) -> Plan:
        """Tell what is to run for these targets, and what is kept."""
        return plan(self.names, targets, self.recall.contains, self.ledger.holds)

    def begin(self) -> None:
        """Plan the run for the graph's targets, tell of it, and take its steps in."""
        first = self.plan(self.graph.targets)
        self.account.planned(first)
        self.recall.idle = not self.executor.results and first.asks_nothing(self.names.steps)
        self.admit(first)

    def admit(self, planned: Plan) -> None:
        """Take the steps of a plan into the run."""
        steps, ledger = self.names.steps, self.ledger
        for id in (*planned.reused, *planned.order):
            ledger.enter(steps[id])
        ledger.hold(on_demand(steps, planned.order, ledger.kept, ledger.holds))
        self.reuse([ledger[id] for id in planned.reused])
        for id in planned.order:
            state = ledger[id]
            state.follows = ledger.leader(id, self.names.keys[id])
            ledger.wait(id, [state.follows] if state.follows else state.step.eager_sources)
            self.turn(state)

    def turn(self, state: State) -> None:
        """See whether a step's turn has come."""
        if state.settled or state.status == "running":
            return
        if state.because:
            self.account.skipped(state, state.because)
        elif state.waiting == 0 and state.status == "expanding":
            self.unfold(state)
        elif state.waiting == 0:
            self.lanes.enter(state)

    async def demand(self, consumer: str, id: str) -> None:
        """Have a step computed, for a node that awaits it.

        Raises:
            Unavailable: It failed, or was skipped.
            Interrupted: The run is to stop, or the node that awaits is over.
        """
        found: asyncio.Future[State | None] = asyncio.get_running_loop().create_future()
        self.inbox.put(self.demanded, consumer, id, found)
        state = await found
        if state is None:
            raise Interrupted
        if state.broken:
            raise Unavailable(id)

    def demanded(self, consumer: str, id: str, found: asyncio.Future[State | None]) -> None:
        """Have a step computed that a node awaits, and give the node its state once it is over."""
        if self.stopping() or self.ledger[consumer].status != "running":
            self.awaiting.answer(consumer, found, None)
            return
        if not self.ledger.holds(id):
            self.admit(self.plan([id]))
        self.awaiting.enter(self.ledger.lend(consumer, id), consumer, found)

    # Kept results

    def reuse(self, states: Sequence[State]) -> None:
        """Take results that are known, and have kept ones read: by a few threads, each some of them."""
        kept = [state for state in states if state.step.known is None]
        for state in states:
            state.status = "running"
            if state.step.known is not None:
                self.account.took(state, state.step.known)
        for share in (kept[start::_READERS] for start in range(min(_READERS, len(kept)))):
            self.executor.workers["io"].submit(partial(self.fetch, share))
            self.active += len(share)

    def fetch(self, states: Sequence[State]) -> None:
        """Read kept results, in one of the reading threads."""
        for state in states:
            self.inbox.put(self.fetched, state, self.recall.fetch(state.step, self.names.keys[state.step.id]))

    def fetched(self, state: State, result: Result | None) -> None:
        """Take a kept result that was read; where it is not there after all, have its step computed."""
        self.active -= 1
        if result is not None:
            self.account.took(state, result)
            return
        id = state.step.id
        self.recall.missing(self.names.keys[id])
        state.status = "waiting"
        held = self.ledger.holds
        self.admit(plan(self.names, [id], self.recall.contains, lambda other: other != id and held(other)))

    # Running

    def dispatch(self) -> None:
        """Settle what is over, start what can start, and end the run when nothing is left."""
        moved = not self.stopping()
        while moved:
            for state in self.ledger.drain():
                self.turn(state)
            moved = False
            for id in self.lanes.ready():
                self.start(self.ledger[id])
                moved = True
            moved = moved or (self.awaiting.are_all(self.active) and self.untie())
        if self.active == 0 and not self.ended:
            self.ended = True
            self.outbox.put(self.over.set_result, None)

    def start(self, state: State) -> None:
        """Run a step whose turn has come, unless another step computes the same."""
        if state.status != "waiting" or self.stopping():
            return
        if state.follows:
            result = self.ledger[state.follows].result
            assert result is not None, f"the result of {state.follows} was given back too early"
            self.account.followed(state, result)
            return
        try:
            invocation = prepare(state.step, self.supply.linked(state.step), lambda: self.supply.handed(state.step))
        except Exception as error:
            self.account.failed(state, error)
            return
        if invocation.blocked is not None:
            self.account.blocked(state, invocation.blocked)
            return
        state.status, state.started = "running", time.perf_counter()
        self.account.started(state)
        around = self.graph.library.pack(state.step.node.id).around
        self.crew.call(invocation, around, partial(self.returned, state))
        self.active += 1
        self.lanes.take(state)

    def returned(self, state: State, returned: Returned, entering: float = 0.0) -> None:
        """Take what the calls of a node returned or raised; what entering its pack took is no time of its own."""
        self.active -= 1
        self.account.entered(state, entering)
        self.lanes.leave(state)
        self.crew.over(state.step.id)
        self.awaiting.over(state.step.id)
        if isinstance(returned, Result):
            self.computed(state, returned)
        elif isinstance(returned, Unavailable):
            self.account.skipped(state, returned.node)
        elif isinstance(returned, Interrupted) or (isinstance(returned, asyncio.CancelledError) and self.stopping()):
            self.account.skipped(state, "")
            self.cancellation.cancel()
        elif isinstance(returned, BaseException):
            self.account.failed(state, returned)
        else:
            self.expand(state, returned)

    def untie(self) -> bool:
        """End a standstill: fail the latest node whose sub-graph waits for the node itself, if there is one."""
        expanding = [state for state in self.ledger.states.values() if state.status == "expanding"]
        if expanding:
            message = "its sub-graph waits for its own result, so it would never end."
            self.account.failed(expanding[-1], NodeError(message))
        elif self.active or not all(self.ledger.settled(id) for id in self.graph.targets):
            raise RuntimeError("the run came to a halt before its targets were done")
        return bool(expanding)

    # Sub-graphs

    def expand(self, state: State, returned: Sequence[object]) -> None:
        """Put the sub-graphs that a node returned in its place."""
        try:
            growth = self.growing.sprout(state.step, returned)
        except Exception as error:
            self.account.failed(state, error)
            return
        self.account.expanded(state, growth)
        state.status, state.growth = "expanding", growth
        self.admit(self.plan(growth.targets))
        self.ledger.wait(state.step.id, growth.targets)
        if state.waiting == 0:
            self.turn(state)

    def unfold(self, state: State) -> None:
        """Give an expanded node its result: its sub-graphs are done."""
        assert state.growth is not None
        try:
            result = self.growing.result(state.step, state.growth, self.supply.value)
        except NodeError as error:
            self.account.failed(state, error)
        else:
            self.computed(state, result)

    def computed(self, state: State, result: Result) -> None:
        """Keep a new result and settle its step."""
        step = state.step
        result = self.carrying.noted(step, result)
        if not self.growing.shows(step.id):  # what was shown inside a sub-graph would not come back with the result
            self.recall.keep(step, self.names.keys[step.id], result)
        self.account.computed(state, result, time.perf_counter() - state.started)

    def tick(self, id: str, tick: Tick) -> None:
        """Pass on how far a node is; what comes after the end of the run is dropped."""
        if not self.ended:
            self.account.ticked(self.ledger[id], tick)

    def stopping(self) -> bool:
        """Tell whether nothing more is to be started."""
        return self.guard.fault is not None or self.cancellation.requested
