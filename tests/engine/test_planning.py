"""Random graphs: what is planned, what runs, and what comes out, against plain evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from graph_runtime import Workflow
from graph_runtime.cache import MemoryCache
from graph_runtime.plan import Names, plan
from graph_runtime.step import Link
from graph_runtime.workflow import NodeCall
from tests.engine.runs import Told, graph, run

INPUTS = {"Number": ("value",), "Bump": ("n", "by"), "Multiply": ("a", "b"), "Halve": ("n",)}


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """A directed graph of numbers, sums, products and halves, its nodes in any order."""
    calls: list[NodeCall] = []
    for i in range(draw(st.integers(1, 12))):
        earlier = st.integers(0, i - 1) if i else st.nothing()
        operand = st.integers(0, 3) | earlier.map(lambda at: Link(str(at), 0))
        kind = draw(st.sampled_from(list(INPUTS) if i else ["Number"]))
        inputs = {name: draw(st.integers(0, 3) if kind == "Number" else operand) for name in INPUTS[kind]}
        calls.append(NodeCall(kind, inputs))
    order = draw(st.permutations(range(len(calls))))
    return Workflow({str(at): calls[at] for at in order})


def evaluated(nodes: Mapping[str, NodeCall], id: str) -> int:
    """What a node puts out first, computed without any engine."""

    def operand(name: str) -> int:
        value = nodes[id].inputs[name]
        return evaluated(nodes, value.node) if isinstance(value, Link) else value  # type: ignore[return-value]

    match nodes[id].class_type:
        case "Number":
            return operand("value")
        case "Bump":
            return operand("n") + operand("by")
        case "Multiply":
            return operand("a") * operand("b")
        case _:
            return operand("n") // 2


def upstream(nodes: Mapping[str, NodeCall], ids: set[str]) -> set[str]:
    found = {link.node for id in ids for link in nodes[id].inputs.values() if isinstance(link, Link)}
    return ids if found <= ids else upstream(nodes, ids | found)


def downstream(nodes: Mapping[str, NodeCall], id: str) -> set[str]:
    return {other for other in nodes if id in upstream(nodes, {other})}


@settings(max_examples=150, deadline=None)
@given(workflows(), st.data())
def test_a_plan_is_in_order_complete_and_without_waste(workflow: Workflow, data: st.DataObject) -> None:
    targets = data.draw(st.lists(st.sampled_from(sorted(workflow.nodes)), min_size=1, unique=True))
    made = graph(workflow, *targets)
    names = Names(made.steps, made.library, "fresh")
    names.name(targets)
    kept = {names.keys[id] for id in data.draw(st.sets(st.sampled_from(sorted(names.keys))))}
    planned = plan(names, targets, kept.__contains__)
    place = {id: at for at, id in enumerate(planned.order)}
    assert len(place) == len(planned.order)
    assert not set(planned.order) & set(planned.reused)
    assert set(targets) <= {*planned.order, *planned.reused}
    for id in planned.order:
        assert names.keys[id] not in kept
        for source in made.steps[id].sources:
            assert source in planned.reused or place[source] < place[id]
    needed = {source for id in planned.order for source in made.steps[id].sources} | set(targets)
    assert needed == {*planned.order, *planned.reused}


@settings(max_examples=60, deadline=None)
@given(workflows(), st.data())
def test_results_are_those_of_plain_evaluation_and_nothing_is_done_twice(
    workflow: Workflow, data: st.DataObject
) -> None:
    targets = data.draw(st.lists(st.sampled_from(sorted(workflow.nodes)), min_size=1, unique=True))
    cache = MemoryCache(1 << 20)
    first = run(workflow, *targets, cache=cache)
    check(workflow, first, targets)
    needed = upstream(workflow.nodes, set(targets))
    assert len(first.started) == len(set(first.started)) == len({first.outcome.keys[id] for id in needed})
    second = run(workflow, *targets, cache=cache)
    check(workflow, second, targets)
    assert second.started == []
    changed = data.draw(st.sampled_from(sorted(needed)))
    inputs = dict(workflow.nodes[changed].inputs)
    name = next(iter(inputs))
    third_workflow = Workflow(
        {**workflow.nodes, changed: NodeCall(workflow.nodes[changed].class_type, {**inputs, name: 1000})}
    )
    third = run(third_workflow, *targets, cache=cache)
    check(third_workflow, third, targets)
    still_needed = upstream(third_workflow.nodes, set(targets))
    fresh = {third.outcome.keys[id] for id in downstream(third_workflow.nodes, changed) & still_needed}
    assert {third.outcome.keys[id] for id in third.started} == fresh


def check(workflow: Workflow, told: Told, targets: list[str]) -> None:
    assert told.outcome.state == "succeeded"
    assert {id: told.value(id) for id in targets} == {id: evaluated(workflow.nodes, id) for id in targets}
