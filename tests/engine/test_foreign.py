"""Nodes made otherwise than from functions: types that judge, further inputs, a look before the run, the run around."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from graph_runtime import Builder, Expand, Library, Node, NodeError, Surroundings, WorkflowError
from graph_runtime.cache import MemoryCache
from graph_runtime.declaration import Input, Output, Prospect
from graph_runtime.events import NodeExpanded
from graph_runtime.sockets import Choices, Kind, Range, Socket
from graph_runtime.step import Link
from tests.engine.apples import LIBRARY
from tests.engine.runs import Told, graph, run


class Weight(Kind):
    """Judges by a unit."""

    def __init__(self, unit: str, literal: bool = False) -> None:
        self.unit = unit
        self.literal = literal

    def takes(self, source: object) -> bool:
        return isinstance(source, Weight) and source.unit == self.unit

    def flows_into(self, target: object) -> bool:
        return target is float

    def __str__(self) -> str:
        return self.unit


def made(id: str, function: Any, inputs: dict[str, Socket], output: Socket, **more: Any) -> Node:
    declared = {name: Input(name, socket) for name, socket in inputs.items()}
    return Node(id, function, id, inputs=declared, outputs=(Output("it", output),), **more)


KILO, POUND = Weight("kilo"), Weight("pound")
CALLS: list[str] = []


def further(given: Mapping[str, object]) -> Iterable[Input]:
    return [Input(name, Socket(object)) for name in given if isinstance(given[name], Link) or name == "taken"]


def look(prospect: Prospect) -> str | None:
    CALLS.append(f"{prospect.id} {dict(prospect.values)} {sorted(prospect.linked)}")
    if prospect.values.get("n") == 13:
        raise NodeError("found 13, needs luck.", input="n")
    return None if prospect.values.get("n") == 0 else "same"


NODES = (
    made("Kilo", lambda: ["one", "two"], {}, Socket(KILO)),
    made("Pound", lambda: 1.0, {}, Socket(POUND)),
    made("Count", len, {}, Socket(int)),
    made("WeighKilo", lambda weight: len(weight), {"weight": Socket(KILO)}, Socket(int)),
    made("Memo", lambda note: str(note), {"note": Socket(Weight("note", literal=True))}, Socket(str)),
    made("Collect", lambda weights: repr(weights), {"weights": Socket(KILO, is_list=True)}, Socket(str)),
    made("Further", lambda **more: repr(sorted(more.items())), {}, Socket(str), further=further),
    made("Look", lambda n: n, {"n": Socket(int)}, Socket(int), inspect=look),
    made("Near", lambda n: n, {"n": Socket(int, bounds=Range(0, 3), lenient=True)}, Socket(int)),
    made(
        "Around", lambda around: len(around.steps), {}, Socket(int), injected={"around": Surroundings}, cached=False
    ),
    made(
        "Grow", lambda: (b := Builder(), Expand(b, b.add("Around")))[1], {}, Socket(int)
    ),
)  # fmt: skip
OURS = LIBRARY + Library.of("foreign", *NODES)


def go(nodes: dict[str, Any], *targets: str, cache: MemoryCache | None = None) -> Told:
    return run(graph(nodes, *targets, library=OURS), cache=cache)


def refused(nodes: dict[str, Any], *targets: str) -> str:
    with pytest.raises(WorkflowError) as caught:
        graph(nodes, *targets, library=OURS)
    return str(caught.value)


def test_a_type_judges_what_flows_into_it() -> None:
    assert go({"a": ("Kilo", {}), "b": ("WeighKilo", {"weight": ["a", 0]})}, "b").value("b") == 2
    said = refused({"a": ("Pound", {}), "b": ("WeighKilo", {"weight": ["a", 0]})}, "b")
    assert "found pound from node a" in said and "needs kilo" in said


def test_a_type_judges_where_its_values_flow() -> None:
    said = refused({"a": ("Pound", {}), "b": ("Look", {"n": ["a", 0]})}, "b")
    assert "found pound" in said and "needs integer" in said


def test_a_type_says_whether_its_values_can_be_written_down() -> None:
    assert go({"a": ("Memo", {"note": {"x": [1]}})}, "a").value("a") == "{'x': [1]}"
    assert "needs a link from a node that puts out kilo" in refused({"a": ("WeighKilo", {"weight": 3})}, "a")


def test_a_single_value_that_is_a_list_is_one_item_of_a_list() -> None:
    nodes = {"a": ("Kilo", {}), "b": ("Collect", {"weights": ["a", 0]})}
    assert go(nodes, "b").value("b") == "[['one', 'two']]"


def test_a_node_may_take_further_inputs_and_pass_others_over() -> None:
    nodes = {"a": ("Number", {"value": 4}), "b": ("Further", {"one": ["a", 0], "taken": 7, "left": 8})}
    assert go(nodes, "b").value("b") == "[('one', 4), ('taken', 7)]"
    assert OURS["Further"].inputs == {}


def test_a_node_may_look_at_its_call_before_the_run() -> None:
    CALLS.clear()
    graph({"a": ("Look", {"n": 4}), "b": ("Look", {"n": ["a", 0]})}, "b", library=OURS)
    assert CALLS == ["a {'n': 4} []", "b {} ['n']"]
    assert "input n: found 13, needs luck." in refused({"a": ("Look", {"n": 13})}, "a")


def test_what_only_the_run_can_tell_is_never_reused() -> None:
    cache = MemoryCache(10**6)
    for n, started in ((5, []), (0, ["a"])):
        go({"a": ("Look", {"n": n})}, "a", cache=cache)
        assert go({"a": ("Look", {"n": n})}, "a", cache=cache).started == started


def test_lenient_bounds_hold_for_literals_only() -> None:
    assert "0 to 3" in refused({"a": ("Near", {"n": 9})}, "a")
    assert go({"a": ("Number", {"value": 9}), "b": ("Near", {"n": ["a", 0]})}, "b").value("b") == 9
    strict = replace(OURS["Near"], id="Far", inputs={"n": Input("n", Socket(int, bounds=Range(0, 3)))})
    nodes = {"a": ("Number", {"value": 9}), "b": ("Far", {"n": ["a", 0]})}
    told = run(graph(nodes, "b", library=OURS + Library.of("strict", strict)))
    assert "0 to 3" in told.failed["b"]


def test_a_node_sees_the_run_around_it_with_sub_graphs() -> None:
    told = go({"a": ("Grow", {}), "b": ("Number", {"value": 1})}, "a", "b")
    assert told.value("a") == 3
    assert [event.nodes for event in told.of(NodeExpanded)] == [("a.1",)]


def test_choices_are_asked_anew_each_time() -> None:
    names = ["x"]
    node = made("Choose", lambda name: name, {"name": Socket(str, choices=Choices(lambda folders: names))}, Socket(str))
    library = Library.of("choices", node)
    with pytest.raises(WorkflowError):
        graph({"a": ("Choose", {"name": "y"})}, "a", library=library)
    names.append("y")
    assert run(graph({"a": ("Choose", {"name": "y"})}, "a", library=library)).value("a") == "y"
