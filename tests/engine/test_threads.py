"""Which thread does what: nodes that follow each other share one, events are told in the loop's, nobody is starved."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

from graph_runtime import Cancellation, Event, Executor, Library, node
from graph_runtime.events import NodeStarted
from tests.engine.runs import graph


@node("Here", resource="gpu")
def here(told: list[int] | None = None) -> list[int]:
    """Add the thread that this runs in."""
    return [*(told or []), threading.get_ident()]


@node("Nap")
async def nap(n: int = 0) -> int:
    """Sleep far too long."""
    await asyncio.sleep(100)
    return n


@node("Late", resource="gpu")
def late(n: float = 0.0) -> float:
    """Tell when this runs."""
    return time.perf_counter()


LIBRARY = Library.of("threads", here, nap, late)


def chain(kind: str, name: str, length: int) -> dict[str, object]:
    links = {str(i): (kind, {name: [str(i - 1), 0]}) for i in range(1, length)}
    return {"0": (kind, {}), **links}


def test_a_chain_wakes_no_other_thread_for_each_node() -> None:
    with Executor(lanes={"gpu": 4, "cpu": 4, "io": 4}) as executor:
        outcome = asyncio.run(executor.run(graph(chain("Here", "told", 60), "59", library=LIBRARY)))
    threads = outcome.results["59"].outputs[0]
    assert isinstance(threads, list)
    assert len(threads) == 60
    assert sum(one != other for one, other in itertools.pairwise(threads)) < 10


def test_events_are_told_in_the_thread_of_the_loop() -> None:
    told: list[int] = []
    with Executor() as executor:
        made = graph(chain("Here", "told", 20), "19", library=LIBRARY)
        asyncio.run(executor.run(made, lambda event: told.append(threading.get_ident())))
    assert set(told) == {threading.get_ident()}
    assert len(told) == 42


def test_a_long_chain_lets_another_run_have_its_turn() -> None:
    async def both(executor: Executor) -> tuple[float, float]:
        began = asyncio.Event()

        def emit(event: Event) -> None:
            began.set()

        long = asyncio.create_task(executor.run(graph(chain("Late", "n", 5_000), "4999", library=LIBRARY), emit))
        await began.wait()
        short = await executor.run(graph({"a": ("Late", {"n": 0.5})}, "a", library=LIBRARY))
        last = (await long).results["4999"].outputs[0]
        first = short.results["a"].outputs[0]
        assert isinstance(first, float)
        assert isinstance(last, float)
        return first, last

    with Executor() as executor:
        first, last = asyncio.run(both(executor))
    assert first < last


def test_a_coroutine_that_is_called_off_before_it_began_has_an_end() -> None:
    cancellation = Cancellation()

    def emit(event: Event) -> None:
        if isinstance(event, NodeStarted):
            cancellation.cancel()

    with Executor() as executor:
        work = executor.run(graph({"n": ("Nap", {})}, "n", library=LIBRARY), emit, cancellation)
        outcome = asyncio.run(asyncio.wait_for(work, 20))
    assert outcome.state == "interrupted"
