"""Stopping a run: at the next tick, at once for coroutines, before anything starts; and a run that is torn down."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from graph_runtime import Cancellation, Event, Executor, Lazy, Library, Outcome, Result, node
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeProgressed, NodeStarted, RunFinished
from tests.engine.apples import LIBRARY, Orchard
from tests.engine.runs import graph, run


def cancelled_when_inside(
    nodes: dict[str, object], *targets: str, times: int = 1, library: Library = LIBRARY
) -> tuple[Outcome, list[Event]]:
    """Run, and cancel as soon as a node says that it is there."""
    events: list[Event] = []
    cancellation = Cancellation()
    with Executor() as executor:
        orchard = executor.service(Orchard)

        def watch() -> None:
            orchard.entered.acquire(timeout=10)
            for _ in range(times):
                cancellation.cancel()

        watcher = threading.Thread(target=watch)
        watcher.start()
        work = executor.run(graph(nodes, *targets, library=library), events.append, cancellation)
        outcome = asyncio.run(asyncio.wait_for(work, 20))
        watcher.join()
    return outcome, events


@pytest.mark.parametrize("times", [1, 3])
def test_a_node_stops_at_its_next_tick(times: int) -> None:
    nodes = {"w": ("WaitAtGate", {}), "t": ("Tell", {"value": ["w", 0]})}
    started = time.perf_counter()
    outcome, events = cancelled_when_inside(nodes, times=times)
    assert outcome.state == "interrupted"
    assert time.perf_counter() - started < 5
    assert [event.node for event in events if isinstance(event, NodeStarted)] == ["w"]
    assert not outcome.failures
    assert isinstance(events[-1], RunFinished)


def test_a_coroutine_stops_at_once() -> None:
    outcome, _ = cancelled_when_inside({"w": ("AsyncForever", {})}, "w")
    assert outcome.state == "interrupted"
    assert outcome.seconds < 10


def test_a_node_that_awaits_stops_with_what_it_awaits() -> None:
    nodes = {
        "w": ("AsyncForever", {}),
        "c": ("Choose", {"first": True, "yes": ["w", 0], "no": 1}),
        "d": ("DemandBoth", {"a": ["c", 0], "b": ["g", 0]}),
        "g": ("WaitAtGate", {"n": 1}),
    }
    outcome, _ = cancelled_when_inside(nodes, "d")
    assert outcome.state == "interrupted"


def test_a_run_that_was_cancelled_before_starts_nothing() -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    told = run({"n": ("Number", {}), "r": ("Ripen", {})}, "n", "r", cancellation=cancellation)
    assert (told.outcome.state, told.started, told.outcome.results) == ("interrupted", [], {})


class Slow(MemoryCache):
    """A cache that takes its time, on a disk far away."""

    def get(self, key: str) -> Result | None:
        time.sleep(0.05)
        return super().get(key)

    def flush(self) -> None:
        time.sleep(0.2)


def test_what_is_being_read_when_a_run_was_cancelled_before_is_told_before_the_end() -> None:
    events: list[Event] = []
    cancellation = Cancellation()

    async def main() -> None:
        with Executor(cache=Slow(1 << 20)) as executor:
            made = graph({"a": ("Number", {"value": 1}), "b": ("Number", {"value": 2})}, "a", "b")
            await executor.run(made)
            cancellation.cancel()
            await executor.run(made, events.append, cancellation)
            await asyncio.sleep(0.2)

    asyncio.run(main())
    assert isinstance(events[-1], RunFinished)


def test_a_run_that_is_torn_down_while_its_results_are_written_says_that_it_is_over() -> None:
    events: list[Event] = []

    async def main() -> None:
        with Executor(cache=Slow(1 << 20)) as executor:
            task = asyncio.create_task(executor.run(graph({"a": ("Number", {})}, "a"), events.append))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert isinstance(events[-1], RunFinished)
    assert events[-1].state == "interrupted"


def test_a_node_whose_turn_in_the_threads_has_not_come_is_called_off() -> None:
    """The other run holds the only thread and never looks up; the cancelled run ends all the same."""

    async def both() -> tuple[Outcome, Outcome]:
        cancellation = Cancellation()
        with Executor() as executor:
            orchard = executor.service(Orchard)
            holding = asyncio.create_task(executor.run(graph({"h": ("HoldGate", {})}, "h")))
            await asyncio.to_thread(orchard.entered.acquire, timeout=10)
            waiting = asyncio.create_task(
                executor.run(graph({"w": ("WaitAtGate", {})}, "w"), cancellation=cancellation)
            )
            await asyncio.sleep(0.05)
            cancellation.cancel()
            second = await asyncio.wait_for(waiting, 5)
            orchard.gate.set()
            return await holding, second

    first, second = asyncio.run(both())
    assert (first.state, second.state) == ("succeeded", "interrupted")


def test_two_runs_side_by_side_do_not_mix() -> None:
    async def both() -> list[Outcome]:
        with Executor() as executor:
            graphs = [graph({"0": ("Number", {"value": n}), "x": ("Bump", {"n": ["0", 0]})}, "x") for n in range(20)]
            return list(await asyncio.gather(*(executor.run(one) for one in graphs)))

    assert [outcome.results["x"].outputs for outcome in asyncio.run(both())] == [(n + 1,) for n in range(20)]


def test_a_cancellation_remembers_no_run_that_is_over() -> None:
    cancellation = Cancellation()
    run({"n": ("Number", {})}, "n", cancellation=cancellation)
    assert not cancellation._listeners
    cancellation.cancel()


def test_a_task_that_is_cancelled_leaves_no_node_running() -> None:
    events: list[Event] = []

    async def main() -> None:
        with Executor() as executor:
            orchard = executor.service(Orchard)
            task = asyncio.create_task(executor.run(graph({"w": ("WaitAtGate", {})}, "w"), events.append))
            await asyncio.to_thread(orchard.entered.acquire, timeout=10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 5)

    asyncio.run(main())
    assert isinstance(events[-1], RunFinished)
    assert events[-1].state == "interrupted"


def test_a_thread_that_a_node_left_behind_is_not_heard() -> None:
    events: list[Event] = []

    async def main() -> None:
        with Executor() as executor:
            orchard = executor.service(Orchard)
            await executor.run(graph({"t": ("TellLate", {})}, "t"), events.append)
            orchard.gate.set()
            await asyncio.to_thread(orchard.entered.acquire, timeout=10)
            await asyncio.sleep(0.02)

    asyncio.run(main())
    assert isinstance(events[-1], RunFinished)
    assert not any(isinstance(event, NodeProgressed) for event in events)


@pytest.mark.parametrize("at", ["RunStarted", "NodeStarted", "NodeFinished", "NodeFailed"])
def test_a_listener_that_fails_ends_the_run_with_its_own_error(at: str) -> None:
    def fussy(event: Event) -> None:
        if type(event).__name__ == at:
            raise LookupError(at)

    nodes = {"n": ("Number", {}), "r": ("Rot", {}), "s": ("Nap", {"seconds": 0.01}), "b": ("Bump", {"n": ["n", 0]})}
    with Executor() as executor, pytest.raises(LookupError, match=at):
        asyncio.run(asyncio.wait_for(executor.run(graph(nodes, *nodes), fussy), 10))


def test_a_closed_executor_says_so() -> None:
    executor = Executor()
    executor.close()
    executor.close()
    with pytest.raises(RuntimeError, match="the executor is closed"):
        asyncio.run(asyncio.wait_for(executor.run(graph({"n": ("Number", {})}, "n")), 10))


def test_a_run_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    run({str(i): ("Nap", {"seconds": 0.01}) for i in range(4)}, "0", "1", "2", "3")
    assert threading.active_count() <= before + 1


def test_a_node_that_goes_on_awaiting_after_it_was_stopped_is_let_go() -> None:
    @node("Stubborn")
    async def stubborn(a: Lazy[int], b: Lazy[int]) -> int:
        try:
            return await a
        except asyncio.CancelledError:
            return await b

    library = LIBRARY + Library.of("stubborn", stubborn)
    nodes = {"w": ("WaitAtGate", {}), "n": ("Number", {}), "s": ("Stubborn", {"a": ["w", 0], "b": ["n", 0]})}
    outcome, _ = cancelled_when_inside(nodes, "s", library=library)
    assert outcome.state == "interrupted"
