"""What the engine adds to each node: toy graphs whose nodes do nothing, so all the time is the engine's."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.table import Table
from graph_runtime import Executor, Graph, Library, join, node
from graph_runtime.api_format import from_json
from graph_runtime.cache import MemoryCache
from graph_runtime.workflow import Workflow

RESULTS = Path(__file__).parent / "results" / "engine.json"
REPEATS = 5


@node("Number")
def number(value: int = 0) -> int:
    """Give a number."""
    return value


@node("Bump")
def bump(n: int, by: int = 1) -> int:
    """Add to a number."""
    return n + by


LIBRARY = Library.of("toys", number, bump)


@dataclass(frozen=True)
class Figures:
    """Microseconds for each node of a graph, medians; processor time of all threads, unless it says otherwise.

    Attributes:
        graph: What the graph looks like.
        nodes: How many nodes it has.
        join: Checking it in full.
        cold: Running it with nothing kept.
        clock: The same by the clock on the wall.
        cached: Running it again, with its result kept.
        changed: Running it again after one leaf changed.
    """

    graph: str
    nodes: int
    join: float
    cold: float
    clock: float
    cached: float
    changed: float


def chain(length: int, seed: int = 0) -> Workflow:
    """A number, and nodes that each take the one before."""
    bumps = {str(i): {"class_type": "Bump", "inputs": {"n": [str(i - 1), 0]}} for i in range(1, length)}
    return from_json({"0": {"class_type": "Number", "inputs": {"value": seed}}, **bumps})


def independent(count: int, seed: int = 0) -> Workflow:
    """Nodes without links; the seed changes the first of them."""
    return from_json({str(i): {"class_type": "Number", "inputs": {"value": i if i else -seed}} for i in range(count)})


def figures(name: str, make: Callable[[int, int], Workflow], count: int) -> Figures:
    """Measure one graph, cold, kept and changed in turn, so that a drift of the machine's speed meets all alike."""
    taken: dict[str, list[float]] = {"join": [], "cold": [], "clock": [], "cached": [], "changed": []}
    for repeat in range(REPEATS):
        with Executor(cache=MemoryCache(1 << 30)) as executor:
            asyncio.run(executor.run(joined(make(1, 0))))  # the threads are there
            graph, other = joined(make(count, 2 * repeat + 1)), joined(make(count, 2 * repeat + 2))
            taken["join"].append(seconds(lambda graph=graph: joined(graph.workflow))[0] / count)  # type: ignore[misc]
            for what, made in (("cold", graph), ("cached", graph), ("changed", other)):
                processor, clock = seconds(lambda made=made: asyncio.run(executor.run(made)))  # type: ignore[misc]
                taken[what].append(processor / count)
                taken["clock"] += [clock / count] if what == "cold" else []
    return Figures(name, count, **{what: statistics.median(times) * 1e6 for what, times in taken.items()})


def joined(workflow: Workflow) -> Graph:
    """Check a workflow; its last node is wanted, or all where nothing is linked."""
    linked = any(call.class_type == "Bump" for call in workflow.nodes.values())
    return join(workflow, LIBRARY, targets=[list(workflow.nodes)[-1]] if linked else list(workflow.nodes))


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """How long something takes: on the processor, and by the clock on the wall."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def measure() -> Iterator[Table]:
    """Measure all graphs and write the figures down as JSON, too."""
    found = [figures(f"chain of {count:,}", chain, count) for count in (10, 100, 1_000, 10_000)]
    found.append(figures("1,000 independent", independent, 1_000))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    columns = ("graph", "checking", "cold", "cold, by the clock", "all kept", "one leaf changed", "kept : cold")
    yield Table("What the engine adds, in µs for each node", columns, [row(one) for one in found], NOTE)


NOTE = (
    f"Processor time of all threads, medians of {REPEATS}; a run's own start and end are shared out among the nodes. "
    "In a chain the leaf that changes is its beginning, so all of it runs again; of the independent nodes one does."
)


def row(one: Figures) -> list[str]:
    """One line of the table."""
    values = (one.join, one.cold, one.clock, one.cached, one.changed)
    return [one.graph, *(f"{value:,.0f}" for value in values), f"{one.cached / one.cold:.2f}"]
