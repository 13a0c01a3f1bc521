"""One run of a graph. Everything here happens in the loop's thread, except the nodes' own functions and the cache."""

from __future__ import annotations

import asyncio
import heapq
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from .builder import Handle
from .errors import GraphError, Interrupted, NodeError, Problem, WorkflowError
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
from .expansion import circle, grown, wire
from .graph import Graph
from .injected import EditorDocument, Folders, NodeId, Progress, Prompt, Tick, injection
from .invocation import Invocation, invoke, invoke_async, merged, prepare, problem_of, unfolded, untouched
from .ledger import Ledger, State
from .plan import Names, Plan, eager_sources, plan
from .results import Blocked, Lazy, Result
from .step import Step, Wire

if TYPE_CHECKING:
    from .executor import Cancellation, Executor

Ending: TypeAlias = Literal["succeeded", "failed", "interrupted"]


class Unavailable(Exception):
    """A lazy input cannot be had, because the step it comes from failed."""


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
        self.emit = emit
        self.cancellation = cancellation
        self.steps: dict[str, Step] = dict(graph.steps)
        self.names = Names(self.steps, graph.library, uuid.uuid4().hex)
        self.ledger = Ledger(graph.targets)
        self.leaders: dict[str, str] = {}
        self.parents: dict[str, str] = {}
        self.missing: set[str] = set()
        self.failures: dict[str, NodeFailed] = {}
        self.timings: dict[str, float] = {}
        self.reused: list[str] = []
        self.free: dict[str, int] = {lane: count for lane, count in executor.lanes.items()}
        self.ready: dict[str, list[tuple[int, str]]] = {lane: [] for lane in self.free}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.active = 0
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self.loop.create_future()

    async def finish(self) -> Ending:
        """Run everything that is wanted, and tell how it ended."""
        self.cancellation.subscribe(self.interrupt)
        first = plan(self.names, self.graph.targets, self.kept, self.ledger.holds)
        self.emit(RunStarted(first.order, first.reused))
        self.admit(first)
        self.dispatch()
        await self.over
        if self.cancellation.requested:
            return "interrupted"
        stuck = [id for id in self.graph.targets if not self.ledger.settled(id)]
        if stuck:
            raise RuntimeError(f"the run ended before these steps: {stuck}")
        return "failed" if self.failures else "succeeded"

    def results(self) -> dict[str, Result]:
        """The results of the targets that have one, by id."""
        states = {id: self.ledger[id] for id in self.graph.targets if self.ledger.holds(id)}
        return {id: state.result for id, state in states.items() if state.result is not None}

    # What is wanted

    def kept(self, key: str) -> bool:
        cache = self.executor.cache
        return cache is not None and key not in self.missing and key in cache

    def admit(self, planned: Plan) -> None:
        """Take the steps of a plan into the run."""
        for id in (*planned.reused, *planned.order):
            self.ledger.enter(self.steps[id])
        for id in planned.reused:
            self.reuse(id)
        for id in planned.order:
            leader = self.leaders.setdefault(self.names.keys[id], id)
            if leader != id and self.ledger.holds(leader) and not self.ledger[leader].broken:
                self.ledger[id].follows = leader
            self.ledger.wait(
                id, [self.ledger[id].follows] if self.ledger[id].follows else eager_sources(self.steps[id])
            )
            self.turn(self.ledger[id])

    def turn(self, state: State) -> None:
        """See whether a step's turn has come."""
        if state.settled or state.status == "running":
            return
        if state.because:
            self.skip(state.step.id, state.because)
        elif state.waiting == 0 and state.status == "expanding":
            self.unfold(state)
        elif state.waiting == 0:
            heapq.heappush(self.ready[state.step.node.resource], (state.position, state.step.id))

    async def demand(self, id: str) -> None:
        """Have a step computed, for a node that awaits it."""
        if not self.ledger.holds(id):
            self.admit(plan(self.names, [id], self.kept, self.ledger.holds))
        state = self.ledger[id]
        state.pending += 1
        if not state.settled:
            future: asyncio.Future[None] = self.loop.create_future()
            state.awaited.append(future)
            self.active -= 1
            self.dispatch()
            await future
            self.active += 1
        if state.broken:
            raise Unavailable(id)

    # Kept results

    def reuse(self, id: str) -> None:
        state = self.ledger[id]
        state.status = "running"
        if state.step.known is not None:
            self.took(id, state.step.known)
        else:
            self.active += 1
            fetched = self.loop.run_in_executor(self.executor.pools["io"], self.fetch, self.names.keys[id])
            fetched.add_done_callback(lambda future: self.guarded(self.fetched, id, future.result()))

    def fetch(self, key: str) -> Result | None:
        """Read a kept result, in a thread; one whose files were changed or removed does not count."""
        assert self.executor.cache is not None
        result = self.executor.cache.get(key)
        return result if result is not None and untouched(result) else None

    def fetched(self, id: str, result: Result | None) -> None:
        self.active -= 1
        if result is not None:
            self.took(id, result)
        else:
            self.missing.add(self.names.keys[id])
            self.ledger[id].status = "waiting"
            self.admit(plan(self.names, [id], self.kept, lambda other: other != id and self.ledger.holds(other)))
        self.dispatch()

    def took(self, id: str, result: Result) -> None:
        self.reused.append(id)
        self.done(self.ledger[id], result, 0.0, reused=True)

    # Running

    def dispatch(self) -> None:
        """Settle what is over, start what can start, and end the run when nothing is left."""
        moved = True
        while moved:
            moved = False
            for state in self.ledger.drain():
                self.turn(state)
            for lane, waiting in self.ready.items():
                while waiting and (self.free[lane] > 0 or self.needs_no_lane(waiting[0][1])):
                    self.start(heapq.heappop(waiting)[1])
                    moved = True
        if self.active == 0 and not self.over.done():
            self.over.set_result(None)

    def needs_no_lane(self, id: str) -> bool:
        state = self.ledger[id]
        return state.step.node.is_async or state.settled or bool(state.follows)

    def start(self, id: str) -> None:
        state = self.ledger[id]
        if state.status != "waiting" or self.cancellation.requested:
            return
        if state.follows:
            self.done(state, self.ledger[state.follows].result or Result(), 0.0, reused=True)
            return
        try:
            invocation = prepare(state.step, self.linked(state.step), self.handed(state.step), self.executor.folders)
        except GraphError as error:
            self.fail(id, error)
            return
        if invocation.blocked is not None:
            self.block(state, invocation.blocked)
        else:
            self.call(state, invocation)

    def call(self, state: State, invocation: Invocation) -> None:
        step = state.step
        state.status, state.started = "running", time.perf_counter()
        self.active += 1
        self.emit(NodeStarted(step.id, step.name, step.node.id))
        if step.node.is_async:
            self.tasks[step.id] = self.loop.create_task(self.call_async(state, invocation))
            return
        self.free[step.node.resource] -= 1
        around = self.graph.library.pack(step.node.id).around
        pool = self.executor.pools[step.node.resource]
        future = self.loop.run_in_executor(pool, invoke, invocation, around, lambda: self.cancellation.requested)
        future.add_done_callback(lambda future: self.guarded(self.returned, state, future.result()))

    async def call_async(self, state: State, invocation: Invocation) -> None:
        returned = await invoke_async(invocation)
        del self.tasks[state.step.id]
        self.guarded(self.returned, state, returned)

    def returned(self, state: State, returned: Sequence[object] | Result | BaseException) -> None:
        """Take what the calls of a node returned or raised."""
        id = state.step.id
        self.active -= 1
        if not state.step.node.is_async:
            self.free[state.step.node.resource] += 1
        if isinstance(returned, Result):
            self.done(state, returned, time.perf_counter() - state.started)
        elif isinstance(returned, Unavailable):
            self.skip(id, str(returned))
        elif isinstance(returned, Interrupted):
            self.cancellation.cancel()
            self.skip(id, "")
        elif isinstance(returned, BaseException):
            self.fail(id, returned)
        else:
            self.expand(state, returned)
        self.dispatch()

    def guarded(self, work: Callable[..., None], *arguments: object) -> None:
        """Do part of the run in a callback; a fault of the engine ends the run instead of leaving it hanging."""
        try:
            work(*arguments)
        except BaseException as error:
            if self.over.done():
                raise
            self.over.set_exception(error)

    # What goes in

    def linked(self, step: Step) -> dict[str, object]:
        return {name: self.lazy(wire) if step.is_lazy(name) else self.value(wire) for name, wire in step.wires.items()}

    def value(self, wire: Wire) -> object:
        result = self.ledger[wire.node].result
        assert result is not None, f"the result of {wire.node} was given back too early"
        return result.outputs[wire.output]

    def lazy(self, wire: Wire) -> Lazy[object]:
        async def request() -> object:
            await self.demand(wire.node)
            return self.value(wire)

        return Lazy(request)

    def handed(self, step: Step) -> dict[str, object]:
        wanted = step.node.injected
        if not wanted:
            return {}
        values: dict[object, object] = {
            Progress: Progress(self.reporter(step.id), lambda: self.cancellation.requested, self.executor.previews),
            Folders: self.executor.folders,
            NodeId: step.id,
            EditorDocument: self.graph.workflow.document,
            Prompt: self.graph.workflow.to_json() if Prompt in wanted.values() else None,
        }
        return injection(wanted, values, self.executor.service)

    def reporter(self, id: str) -> Callable[[Tick], None]:
        def report(tick: Tick) -> None:
            self.loop.call_soon_threadsafe(self.tick, id, tick)

        return report

    def tick(self, id: str, tick: Tick) -> None:
        if tick.text:
            self.emit(NodeSaid(id, tick.text))
        else:
            self.emit(NodeProgressed(id, tick.done, tick.total, tick.preview))

    # Sub-graphs

    def expand(self, state: State, returned: Sequence[object]) -> None:
        """Put the sub-graphs that a node returned in its place."""
        step = state.step
        try:
            growth = grown(
                step, self.names.keys[step.id], returned, self.graph.library, self.executor.folders, self.steps
            )
            if closed := circle(growth, self.steps, self.expanded_around(step.id), self.ledger.settled):
                raise NodeError(f"its sub-graph needs node {closed}, which waits for this node: a circle.")
        except (WorkflowError, NodeError) as error:
            self.fail(step.id, error)
            return
        self.steps.update(growth.steps)
        self.parents.update(dict.fromkeys(growth.steps, step.id))
        self.emit(NodeExpanded(step.id, tuple(growth.steps)))
        state.status, state.growth = "expanding", growth
        self.admit(plan(self.names, growth.targets, self.kept, self.ledger.holds))
        self.ledger.wait(step.id, growth.targets)
        if state.waiting == 0:
            self.turn(state)

    def expanded_around(self, id: str) -> set[str]:
        """A step, and the steps in whose sub-graphs it stands."""
        around = {id}
        while id in self.parents:
            id = self.parents[id]
            around.add(id)
        return around

    def unfold(self, state: State) -> None:
        """Give an expanded node its result: its sub-graphs are done."""
        growth = state.growth
        assert growth is not None

        def resolver(prefix: str) -> Callable[[object], object]:
            return lambda value: (
                self.value(wire(growth, self.steps, prefix, value)) if isinstance(value, Handle) else value
            )

        try:
            results = [unfolded(state.step, one, resolver(prefix)) for prefix, one in growth.returned]
            self.done(state, merged(state.step, results), time.perf_counter() - state.started)
        except NodeError as error:
            self.fail(state.step.id, error)

    # What comes out

    def done(self, state: State, result: Result, seconds: float, reused: bool = False) -> None:
        step = state.step
        if not reused:
            self.timings[step.id] = seconds
            self.keep(step, result)
        self.emit(NodeFinished(step.id, seconds, reused))
        if result.shown is not None:
            self.emit(NodeShowed(step.id, step.name, result.shown, reused))
        self.ledger.settle(step.id, "done", result)

    def keep(self, step: Step, result: Result) -> None:
        cache = self.executor.cache
        reusable = step.node.cached and step.fingerprint is not None
        if cache is not None and reusable and not any(isinstance(value, Blocked) for value in result.outputs):
            cache.put(self.names.keys[step.id], result)

    def block(self, state: State, block: Blocked) -> None:
        """Let a block pass through a step; a message is reported where it first arrives."""
        step = state.step
        if block.message:
            problem = Problem("refused", block.message, step.id, step.title, step.node.id)
            self.failures[step.id] = NodeFailed(step.id, problem)
            self.emit(self.failures[step.id])
        else:
            self.emit(NodeSkipped(step.id, ""))
        self.ledger.settle(step.id, "done", Result(tuple(Blocked() for _ in step.node.outputs)))

    def fail(self, id: str, error: BaseException) -> None:
        trace = "" if isinstance(error, GraphError) else "".join(traceback.format_exception(error))
        self.failures[id] = NodeFailed(id, problem_of(self.steps[id], error), trace)
        self.emit(self.failures[id])
        self.ledger.settle(id, "failed")

    def skip(self, id: str, because: str) -> None:
        self.emit(NodeSkipped(id, because))
        self.ledger.settle(id, "skipped")

    def interrupt(self) -> None:
        """Ask the run to stop, from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """Start nothing more, and ask what runs to stop."""
        for task in self.tasks.values():
            task.cancel()
        self.dispatch()
