"""Nodes that put a sub-graph in their place."""

from __future__ import annotations

from graph_runtime import Expand, Library, node
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeExpanded, NodeShowed
from tests.engine.apples import LIBRARY
from tests.engine.runs import graph, run


def test_a_loop_unrolls_while_it_runs() -> None:
    told = run({"loop": ("Loop", {"times": 3})}, "loop")
    assert told.value("loop") == 3
    assert told.started == ["loop", "loop.1", "loop.2", "loop.2.1", "loop.2.2", "loop.2.2.1", "loop.2.2.2"]
    assert told.of(NodeExpanded)[0] == NodeExpanded("loop", ("loop.1", "loop.2"))


def test_loops_nest_five_hundred_deep() -> None:
    told = run({"loop": ("Loop", {"times": 500})}, "loop")
    assert told.value("loop") == 500
    assert len(told.started) == 1001


def test_an_expanded_node_is_kept_like_any_other() -> None:
    cache = MemoryCache(1 << 22)
    run({"loop": ("Loop", {"times": 5})}, "loop", cache=cache)
    told = run({"loop": ("Loop", {"times": 5})}, "loop", cache=cache)
    assert (told.started, told.value("loop")) == ([], 5)
    longer = run({"loop": ("Loop", {"times": 6, "total": -1})}, "loop", cache=cache)
    assert longer.value("loop") == 5


def test_ids_and_keys_inside_are_the_same_in_each_run() -> None:
    first, second = (run({"g": ("GrowApples", {"kinds": {"__value__": ["red", "green"]}})}, "g") for _ in range(2))
    assert first.started == second.started
    assert first.outcome.keys == second.outcome.keys
    assert first.value("g") == 6


def test_values_that_only_python_can_hold_are_kept_by_the_key_of_their_maker() -> None:
    cache = MemoryCache(1 << 22)
    run({"g": ("GrowApples", {"kinds": ["red"]})}, "g", cache=cache)
    told = run({"other": ("GrowApples", {"kinds": ["red"]})}, "other", cache=cache)
    assert told.started == []


def test_a_mapped_node_expands_once_for_each_item() -> None:
    nodes = {"c": ("Crate", {"count": 3}), "loop": ("Loop", {"times": ["c", 0], "total": 10})}
    told = run(nodes, "loop")
    assert told.value("loop") == [11, 12, 13]
    first = told.of(NodeExpanded)[0]
    assert first == NodeExpanded("loop", tuple(f"loop.{place}.{name}" for place in range(3) for name in (1, 2)))


def test_a_mapped_node_may_expand_for_some_items_only() -> None:
    nodes = {
        "c": ("Crate", {"count": 2}),
        "less": ("Bump", {"n": ["c", 0], "by": -1}),
        "loop": ("Loop", {"times": ["less", 0]}),
    }
    assert run(nodes, "loop").value("loop") == [0, 1]


def test_sinks_inside_run_and_show_also_when_the_rest_is_kept() -> None:
    cache = MemoryCache(1 << 20)
    nodes = {"x": ("ShowTwice", {"value": 4}), "end": ("Tell", {"value": ["x", 0]})}
    first = run(nodes, cache=cache)
    assert [event.shown.text for event in first.events if isinstance(event, NodeShowed)] in (
        [("4",), ("6",)],
        [("6",), ("4",)],
    )
    second = run(nodes, "x", cache=cache)
    assert [event.shown.text for event in second.events if isinstance(event, NodeShowed)] == [("4",)]


def test_links_may_name_nodes_outside() -> None:
    nodes = {"out": ("Number", {"value": 40}), "g": ("GrowTowards", {"node": "out", "value": 2})}
    told = run(nodes, "g")
    assert told.value("g") == 42
    assert told.started == ["g", "out", "g.1"]


def test_a_circle_through_the_outside_is_told_at_the_node_that_expands() -> None:
    nodes = {
        "g": ("GrowTowards", {"node": "after"}),
        "after": ("Bump", {"n": ["mid", 0]}),
        "mid": ("Bump", {"n": ["g", 0]}),
    }
    told = run(nodes, "after")
    assert told.failed == {"g": "its sub-graph needs node g, which waits for this node: a circle."}
    assert told.skipped == {"mid": "g", "after": "mid"}


def test_a_node_that_expands_into_itself_fails_instead_of_hanging() -> None:
    told = run({"e": ("Endless", {}), "n": ("Number", {})}, "e", "n")
    assert set(told.failed.values()) == {"its sub-graph waits for its own result, so it would never end."}
    assert told.value("n") == 0


def test_a_sub_graph_that_cannot_run_fails_its_node_with_every_problem() -> None:
    told = run({"g": ("GrowAnything", {"kind": "Bumb", "field": "n"})}, "g")
    assert 'there is no node of the kind "Bumb"' in told.failed["g"]
    assert "Did you mean Bump?" in told.failed["g"]
    told = run({"g": ("GrowTowards", {"node": "nowhere"})}, "g")
    assert 'is linked to node "nowhere", which is not in the workflow' in told.failed["g"]


def test_a_failing_node_inside_fails_the_node_around_it() -> None:
    told = run({"g": ("GrowAnything", {"kind": "Rot", "field": ""}), "t": ("Tell", {"value": ["g", 0]})})
    assert told.failed == {"g.1": "ValueError: there is a worm in it"}
    assert told.skipped == {"g": "g.1", "t": "g"}


def test_static_nodes_inside_need_no_turn() -> None:
    told = run({"g": ("GrowAnything", {"kind": "Variety", "field": "kind", "text": "green"})}, "g")
    assert told.failed == {"g": "output int: it returned a value of type Apple, but declares integer."}
    assert told.started == ["g"]
    told = run({"g": ("GrowAnything", {"kind": "Variety", "field": "kind", "text": "russet"})}, "g")
    assert "there is no russet this year. Did you mean red?" in told.failed["g"]


def test_ids_that_are_taken_are_left_alone() -> None:
    nodes = {
        "loop.1": ("Number", {"value": 70}),
        "loop": ("Loop", {"times": 2}),
        "sum": ("Multiply", {"a": ["loop", 0], "b": ["loop.1", 0]}),
    }
    assert run(nodes, "sum").value("sum") == 140


def test_an_expansion_that_gives_back_a_constant_needs_nothing_more() -> None:
    assert run({"loop": ("Loop", {"times": 0, "total": 9})}, "loop").value("loop") == 9


def test_an_expansion_that_is_none_fails_its_node_only() -> None:
    @node("Bad Growth")
    def bad_growth() -> Expand[int]:
        return Expand(None, 1)  # type: ignore[arg-type]

    made = graph({"b": ("BadGrowth", {}), "n": ("Number", {})}, "b", "n", library=LIBRARY + Library.of("b", bad_growth))
    told = run(made)
    assert "AttributeError" in told.failed["b"]
    assert told.value("n") == 0
