"""Large graphs: everything takes time in proportion to their size, and nothing is recursive."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from graph_runtime import Workflow, WorkflowError, join
from graph_runtime.api_format import parse
from graph_runtime.plan import Names, plan
from tests.engine.apples import LIBRARY
from tests.engine.runs import chain, run


def text_of(nodes: dict[str, object]) -> str:
    return json.dumps({id: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in nodes.items()})  # type: ignore[misc]


def layers(count: int, width: int) -> dict[str, object]:
    """Layers of nodes, each fed by two of the layer before."""
    nodes: dict[str, object] = {f"0.{i}": ("Number", {"value": i}) for i in range(width)}
    for layer in range(1, count):
        for i in range(width):
            links = {"n": [f"{layer - 1}.{i}", 0], "by": [f"{layer - 1}.{(i + 1) % width}", 0]}
            nodes[f"{layer}.{i}"] = ("Halve", {"n": links["n"]}) if i % 7 == 0 else ("Bump", links)
    return nodes


def independent(count: int) -> dict[str, object]:
    return {str(i): ("Number", {"value": i}) for i in range(count)}


def fan_out(count: int) -> dict[str, object]:
    return {"root": ("Number", {}), **{str(i): ("Bump", {"n": ["root", 0], "by": i}) for i in range(count)}}


def prepared(nodes: dict[str, object]) -> None:
    """Parse, join and plan."""
    workflow = parse(text_of(nodes))
    graph = join(workflow, LIBRARY, targets=list(workflow.nodes))
    planned = plan(Names(graph.steps, LIBRARY, "fresh"), graph.targets, lambda key: False)
    assert len(planned.order) == len(nodes)


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least time of several on the processor: what else the machine does only ever adds to it."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize(
    "make",
    [
        chain,
        independent,
        fan_out,
        lambda count: layers(count // 50, 50),
        lambda count: dict(reversed(chain(count).items())),
    ],
    ids=["chain", "independent", "fan-out", "layers", "chain backwards"],
)
def test_checking_and_planning_take_time_in_proportion(make: Callable[[int], dict[str, object]]) -> None:
    small, large = make(2_500), make(25_000)
    assert seconds(lambda: prepared(large), 1) / seconds(lambda: prepared(small)) < 50  # 100 would be quadratic


def test_a_chain_of_fifty_thousand_runs() -> None:
    told = run(chain(50_000), "49999")
    assert told.value("49999") == 49_999
    assert len(told.started) == 50_000


def test_twenty_thousand_independent_nodes_run() -> None:
    nodes = independent(20_000)
    told = run(nodes, *nodes)
    assert [told.value(str(i)) for i in range(20_000)] == list(range(20_000))


def test_a_fan_out_of_twenty_thousand_runs() -> None:
    nodes = fan_out(20_000)
    told = run(nodes, *nodes)
    assert told.value("19999") == 19_999


def test_running_takes_time_in_proportion() -> None:
    small, large = layers(50, 25), layers(500, 25)
    ratio = seconds(lambda: run(large, "499.3"), 1) / seconds(lambda: run(small, "49.3"))
    assert ratio < 50  # 100 would be quadratic


def test_a_circle_of_fifty_thousand_is_told() -> None:
    ring = chain(50_000) | {"0": ("Bump", {"n": ["49999", 0]})}
    with pytest.raises(WorkflowError) as caught:
        join(parse(text_of(ring)), LIBRARY, targets=["7"])
    assert len(str(caught.value)) < 2_000
    assert "… 49989 more …" in str(caught.value)


def test_twenty_thousand_circles_are_told() -> None:
    ring: Workflow = parse(text_of({str(i): ("Bump", {"n": [str(i), 0]}) for i in range(20_000)}))
    with pytest.raises(WorkflowError) as caught:
        join(ring, LIBRARY, targets=list(ring.nodes))
    assert len(caught.value.problems) == 20_000


def test_a_failure_at_the_root_of_a_long_chain_skips_all_of_it() -> None:
    told = run(chain(5_000) | {"0": ("Rot", {})}, "4999")
    assert len(told.skipped) == 4_999
    assert told.skipped["4999"] == "4998"
