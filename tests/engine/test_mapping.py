"""Lists: taken whole, mapped over, spread."""

from __future__ import annotations

import pytest

from tests.engine.runs import run

CRATE = {"c": ("Crate", {"count": 3})}


def test_an_input_for_lists_takes_the_list_whole() -> None:
    assert run(CRATE | {"w": ("Weigh", {"crate": ["c", 0]})}, "w").value("w") == 6


def test_an_input_for_one_is_mapped_over_a_list() -> None:
    told = run(CRATE | {"b": ("Bump", {"n": ["c", 0], "by": 10})}, "b")
    assert told.value("b") == [11, 12, 13]
    assert told.started == ["c", "b"]


def test_shorter_lists_repeat_their_last_item() -> None:
    nodes = CRATE | {"d": ("Crate", {"count": 2}), "m": ("Multiply", {"a": ["c", 0], "b": ["d", 0]})}
    assert run(nodes, "m").value("m") == [1, 4, 6]


def test_a_single_value_beside_a_list_is_used_for_each_item() -> None:
    nodes = CRATE | {"n": ("Number", {"value": 5}), "m": ("Multiply", {"a": ["c", 0], "b": ["n", 0]})}
    assert run(nodes, "m").value("m") == [5, 10, 15]


def test_lists_that_a_mapped_node_puts_out_are_spread() -> None:
    assert run(CRATE | {"s": ("Slices", {"n": ["c", 0]})}, "s").value("s") == [1, 2, 2, 3, 3, 3]


def test_a_mapped_node_with_several_outputs_gives_a_list_for_each() -> None:
    nodes = CRATE | {"h": ("Halve", {"n": ["c", 0]})}
    told = run(nodes, "h")
    assert (told.value("h", 0), told.value("h", 1)) == ([0, 1, 1], [1, 1, 2])


def test_nothing_is_computed_for_an_empty_list() -> None:
    nodes = {
        "c": ("Crate", {"count": 0}),
        "b": ("Bump", {"n": ["c", 0]}),
        "h": ("Halve", {"n": ["c", 0]}),
        "w": ("Weigh", {"crate": ["b", 0]}),
        "t": ("Tell", {"value": ["b", 0]}),
    }
    told = run(nodes, "b", "h", "w", "t")
    assert (told.value("b"), told.value("h", 1), told.value("w")) == ([], [], 0)
    assert told.outcome.state == "succeeded"


def test_one_value_is_a_list_of_one_where_a_list_is_needed() -> None:
    assert run({"n": ("Number", {"value": 4}), "w": ("Weigh", {"crate": ["n", 0]})}, "w").value("w") == 4
    assert run({"w": ("Weigh", {"crate": 4})}, "w").value("w") == 4


def test_a_sink_is_mapped_and_shows_all_in_one() -> None:
    told = run(CRATE | {"t": ("TellAndPass", {"value": ["c", 0]})}, "t")
    shown = told.outcome.results["t"].shown
    assert shown is not None
    assert (shown.text, shown.extra, told.value("t")) == (("1", "2", "3"), {"seen": [1, 2, 3]}, [1, 2, 3])


def test_mapping_passes_through_a_chain_of_nodes() -> None:
    nodes = CRATE | {
        "a": ("Bump", {"n": ["c", 0]}),
        "r": ("Reroute", {"value": ["a", 0]}),
        "b": ("Bump", {"n": ["r", 0]}),
    }
    assert run(nodes, "b").value("b") == [3, 4, 5]


def test_coroutines_are_mapped_too() -> None:
    nodes = {
        "c": ("Crate", {"count": 3}),
        "f": ("Add", {"a": ["c", 0], "b": -1}),
        "s": ("AsyncNap", {"seconds": ["f", 0]}),
    }
    nodes["c"] = ("Crate", {"count": 1})
    assert run(nodes, "s").value("s") == [0.0]


@pytest.mark.parametrize("count", [1, 20_000])
def test_a_list_may_be_long(count: int) -> None:
    nodes = {"c": ("Crate", {"count": count}), "b": ("Bump", {"n": ["c", 0]}), "w": ("Weigh", {"crate": ["b", 0]})}
    assert run(nodes, "w").value("w") == count * (count + 1) // 2 + count


def test_one_bad_item_fails_the_node() -> None:
    nodes = {"c": ("Crate", {"count": 14}), "p": ("Pick", {}), "x": ("Cut", {"apple": ["p", 0], "pieces": ["c", 0]})}
    assert run(nodes, "x").failed == {"x": "found 13, needs 1 to 12."}
