"""One run of a graph. Everything here happens in the loop's thread, except the nodes' own functions and the cache."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from .account import Account
from .errors import GraphError, Interrupted, NodeError, Unavailable
from .events import Event
from .graph import Graph
from .growing import Growing
from .inbox import Inbox
from .injected import Tick
from .invocation import Invocation, Returned, invoke, invoke_async, prepare
from .lanes import Lanes
from .ledger import Ledger, State
from .plan import Names, Plan, on_demand, plan
from .recall import Recall
from .results import Result
from .supply import Supply
from .workers import Job

if TYPE_CHECKING:
    from .executor import Cancellation, Executor

Ending: TypeAlias = Literal["succeeded", "failed", "interrupted"]

_READERS = 8
"""How many threads read kept results side by side."""


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
        self.executor = executor
        self.graph = graph
        self.cancellation = cancellation
        self.names = Names(graph.steps, graph.library, uuid.uuid4().hex)
        self.ledger = Ledger(graph.targets)
        self.account = Account(self.ledger, emit)
        self.lanes = Lanes(executor.lanes)
        self.recall = Recall(executor.cache, executor.folders)
        self.growing = Growing(self.names, graph.library, executor.folders, self.ledger.settled)
        self.supply = Supply(
            self.ledger, graph.workflow, executor.folders, self.stopping, executor.previews, executor.service,
            self.demand, self.report,
        )  # fmt: skip
        self.loop = asyncio.get_running_loop()
        self.inbox = Inbox(self.loop, self.collect)
        self.over: asyncio.Future[None] = self.loop.create_future()
        self.fault: BaseException | None = None
        self.active = 0
        self.jobs: dict[str, Job] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.awaits: dict[asyncio.Future[None], str] = {}
        self.leaders: dict[str, str] = {}

    async def finish(self) -> Ending:
        """Run everything that is wanted, and tell how it ended.

        Raises:
            asyncio.CancelledError: The awaiting task was cancelled; nothing of the run is left behind.
        """
        unsubscribe = self.cancellation.subscribe(self.interrupt)
        try:
            self.guarded(self.begin)
            self.guarded(self.dispatch)
            await asyncio.shield(self.over)
        except asyncio.CancelledError:
            self.cancellation.cancel()
            await self.over
            raise
        finally:
            unsubscribe()
        if self.fault is not None:
            raise self.fault
        if self.cancellation.requested:
            return "interrupted"
        return "failed" if self.account.failures else "succeeded"

    def results(self) -> dict[str, Result]:
        """The results of the targets that have one, by id."""
        states = {id: self.ledger[id] for id in self.graph.targets if self.ledger.holds(id)}
        return {id: state.result for id, state in states.items() if state.result is not None}

    # What is wanted

    def begin(self) -> None:
        first = plan(self.names, self.graph.targets, self.recall.contains, self.ledger.holds)
        self.account.planned(first)
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
            state.follows = self.leader(id)
            ledger.wait(id, [state.follows] if state.follows else state.step.eager_sources)
            self.turn(state)

    def leader(self, id: str) -> str:
        """The step of the same key that is in the run and may yet have a result; this one leads where there is none."""
        key = self.names.keys[id]
        leader = self.leaders.get(key, id)
        if leader != id and self.ledger.holds(leader) and not self.ledger[leader].broken:
            return leader
        self.leaders[key] = id
        return ""

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
        """
        if not self.ledger.holds(id):
            self.admit(plan(self.names, [id], self.recall.contains, self.ledger.holds))
        state = self.ledger.lend(consumer, id)
        if not state.settled:
            future: asyncio.Future[None] = self.loop.create_future()
            state.awaited.append(future)
            self.awaits[future] = consumer
            self.inbox.put(self.dispatch)
            try:
                await future
            finally:
                del self.awaits[future]
        if state.broken:
            raise Unavailable(id)

    # Kept results

    def reuse(self, states: Sequence[State]) -> None:
        """Take results that are known, and have kept ones read: by a few threads, each some of them."""
        kept = [state for state in states if state.step.known is None]
        for state in states:
            state.status = "running"
            if state.step.known is not None:
                self.account.took(state, state.step.known)
        self.active += len(kept)
        for share in (kept[start::_READERS] for start in range(min(_READERS, len(kept)))):
            self.executor.workers["io"].submit(lambda share=share: self.fetch(share))  # type: ignore[misc]

    def fetch(self, states: Sequence[State]) -> None:
        for state in states:
            id = state.step.id
            self.inbox.put(self.fetched, state, self.recall.fetch(state.step, self.names.keys[id]))

    def fetched(self, state: State, result: Result | None) -> None:
        self.active -= 1
        if result is not None:
            self.account.took(state, result)
            return
        id = state.step.id
        self.recall.missing(self.names.keys[id])
        state.status = "waiting"
        self.admit(plan(self.names, [id], self.recall.contains, lambda other: other != id and self.ledger.holds(other)))

    # Running

    def collect(self) -> None:
        """Do what threads left to do, then go on."""
        for work, arguments in self.inbox.take():
            self.guarded(work, *arguments)
        self.guarded(self.dispatch)

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
            moved = moved or (self.stalled() and self.untie())
        if self.active == 0 and not self.over.done():
            self.over.set_result(None)

    def start(self, state: State) -> None:
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
        else:
            self.call(state, invocation)

    def call(self, state: State, invocation: Invocation) -> None:
        step, folders = state.step, self.executor.folders
        state.status, state.started = "running", time.perf_counter()
        self.account.started(state)
        if step.node.is_async:
            self.tasks[step.id] = self.loop.create_task(self.call_async(state, invocation))
        else:
            around = self.graph.library.pack(step.node.id).around
            job = Job(lambda: self.inbox.put(self.returned, state, invoke(invocation, around, folders, self.stopping)))
            self.executor.workers[step.node.resource].submit(job)
            self.jobs[step.id] = job
        self.active += 1
        self.lanes.take(state)

    async def call_async(self, state: State, invocation: Invocation) -> None:
        self.inbox.put(self.returned, state, await invoke_async(invocation, self.executor.folders))

    def returned(self, state: State, returned: Returned) -> None:
        """Take what the calls of a node returned or raised."""
        id = state.step.id
        self.active -= 1
        self.lanes.leave(state)
        self.jobs.pop(id, None)
        self.tasks.pop(id, None)
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

    def stalled(self) -> bool:
        """Tell whether everything waits for everything else."""
        if self.active > len(self.awaits):
            return False
        waiting = {consumer for future, consumer in self.awaits.items() if not future.done()}
        return self.active == len(waiting)

    def untie(self) -> bool:
        """Fail the latest node whose sub-graph waits for the node itself; false where there is none."""
        expanding = [state for state in self.ledger.states.values() if state.status == "expanding"]
        if expanding:
            self.account.failed(
                expanding[-1], NodeError("its sub-graph waits for its own result, so it would never end.")
            )
        elif self.active or not all(self.ledger.settled(id) for id in self.graph.targets):
            raise RuntimeError("the run came to a halt before its targets were done")
        return bool(expanding)

    # Sub-graphs

    def expand(self, state: State, returned: Returned) -> None:
        """Put the sub-graphs that a node returned in its place."""
        assert not isinstance(returned, Result | BaseException)
        try:
            growth = self.growing.sprout(state.step, returned)
        except GraphError as error:
            self.account.failed(state, error)
            return
        self.account.expanded(state, tuple(growth.steps))
        state.status, state.growth = "expanding", growth
        self.admit(plan(self.names, growth.targets, self.recall.contains, self.ledger.holds))
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
            return
        self.computed(state, result)

    def computed(self, state: State, result: Result) -> None:
        step = state.step
        if not self.growing.shows(step.id):  # what was shown inside a sub-graph would not come back with the result
            self.recall.keep(step, self.names.keys[step.id], result)
        self.account.computed(state, result, time.perf_counter() - state.started)

    # Stopping

    def report(self, id: str, tick: Tick) -> None:
        """Take a tick of a node's progress, from any thread."""
        self.inbox.put(self.tick, id, tick)

    def tick(self, id: str, tick: Tick) -> None:
        if not self.over.done():
            self.account.ticked(self.ledger[id], tick)

    def stopping(self) -> bool:
        """Tell whether nothing more is to be started."""
        return self.fault is not None or self.cancellation.requested

    def interrupt(self) -> None:
        """Ask the run to stop, from any thread."""
        self.inbox.put(self.stop)

    def stop(self) -> None:
        """Call off what has not begun, and ask what runs in the loop to stop; threads look up at their next tick."""
        for task in self.tasks.values():
            task.cancel()
        for id, job in self.jobs.items():
            if job.claim():
                self.inbox.put(self.returned, self.ledger[id], Interrupted())

    def guarded(self, work: Callable[..., None], *arguments: object) -> None:
        """Do part of the run; a fault of the engine, or of who takes the events, ends it in an orderly way."""
        try:
            work(*arguments)
        except BaseException as error:
            if self.fault is None:
                self.fault = error
                self.inbox.put(self.stop)
