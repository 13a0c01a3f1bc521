"""Classes of packs run as they would in ComfyUI."""

from __future__ import annotations

import re

import pytest

from graph_runtime import Cancellation, Executor, Folders, Library, WorkflowError, join
from graph_runtime.api_format import from_json
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeExpanded, NodeProgressed, NodeShowed
from tests.comfy.packs.kitchen import cook, inside


def text(library: Library, folders: Folders, nodes: dict, cache: MemoryCache | None = None) -> str:
    """What the node `show` shows of the node `it`."""
    told = cook(library, folders, {**nodes, "show": ("KitchenShow", {"what": ["it", 0]})}, cache=cache)
    assert told.outcome.state == "succeeded", told.failed
    return told.outcome.results["show"].shown.text[0]


def failure(library: Library, folders: Folders, nodes: dict) -> str:
    """What is wrong with a graph before it runs."""
    with pytest.raises(WorkflowError) as caught:
        cook(library, folders, nodes)
    return str(caught.value)


def test_a_graph_of_classes_runs(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenAdd", {"a": ["1", 0], "b": 2})}
    assert text(shelf, folders, nodes) == "6"


def test_an_optional_input_that_is_left_out_is_left_to_the_function(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenAdd", {"a": ["1", 0]})}) == "104"


def test_hidden_inputs(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"it": ("KitchenTell", {})}) == "it KitchenTell [] KitchenTell None"


def test_linked_inputs_are_none_for_is_changed(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenFresh", {"how": "same", "link": ["1", 0]})}
    text(shelf, folders, nodes)
    assert inside(shelf)["SEEN"][0] == ("changed", "same", None)


@pytest.mark.parametrize(("how", "runs"), [("same", 1), ("nan", 2), ("fails", 2)])
def test_is_changed_decides_whether_a_node_runs_again(shelf: Library, folders: Folders, how: str, runs: int) -> None:
    cache, before = MemoryCache(10**6), inside(shelf)["CALLS"]["changed"]
    for _ in range(2):
        text(shelf, folders, {"it": ("KitchenFresh", {"how": how})}, cache)
    assert inside(shelf)["CALLS"]["changed"] - before == runs


def test_a_class_that_is_not_idempotent_runs_each_time(shelf: Library, folders: Folders) -> None:
    cache = MemoryCache(10**6)
    assert text(shelf, folders, {"it": ("KitchenRestless", {})}, cache) != text(
        shelf, folders, {"it": ("KitchenRestless", {})}, cache
    )


def test_validate_inputs_refuses(shelf: Library, folders: Folders) -> None:
    nodes = {"it": ("KitchenPicky", {"dish": "mud", "count": 1}), "show": ("KitchenShow", {"what": ["it", 0]})}
    assert "nobody eats mud" in failure(shelf, folders, nodes)


def test_what_validate_inputs_names_is_not_checked_otherwise(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"it": ("KitchenPicky", {"dish": "soup", "count": 99})}) == "99"


def test_a_class_may_check_types_by_itself(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"1": ("KitchenNumber", {"value": 1}), "it": ("KitchenTypePicky", {"it": ["1", 0]})})
    nodes = {"1": ("KitchenGrey", {}), "it": ("KitchenTypePicky", {"it": ["1", 0]})}
    assert "IMAGE is no plate" in failure(shelf, folders, {**nodes, "s": ("KitchenShow", {"what": ["it", 0]})})


def test_bounds_hold_for_literals_only(shelf: Library, folders: Folders) -> None:
    shown = ("KitchenShow", {"what": ["it", 0]})
    assert "0 to 10" in failure(shelf, folders, {"it": ("KitchenNumber", {"value": 11}), "show": shown})
    far = {"1": ("KitchenNumber", {"value": 9}), "2": ("KitchenAdd", {"a": ["1", 0]})}
    assert text(shelf, folders, {**far, "it": ("KitchenNumber", {"value": ["2", 0]})}) == "109"


def test_classes_list_files_anew_each_time(shelf: Library, folders: Folders) -> None:
    shown = ("KitchenShow", {"what": ["it", 0]})
    assert "a.png" in failure(shelf, folders, {"it": ("KitchenFiles", {"file": "a.png"}), "show": shown})
    (folders.input / "a.png").touch()
    assert text(shelf, folders, {"it": ("KitchenFiles", {"file": "a.png"})}) == str(folders.input / "a.png")


def test_words_fit_as_sets(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"1": ("KitchenPlate", {}), "it": ("KitchenTakesPlate", {"plate": ["1", 0]})}) == "1"
    nodes = {"1": ("KitchenGrey", {}), "it": ("KitchenTakesPlate", {"plate": ["1", 0]})}
    said = failure(shelf, folders, {**nodes, "show": ("KitchenShow", {"what": ["it", 0]})})
    assert "IMAGE" in said and "PLATE,BOWL" in said


def test_only_plain_words_are_coerced(shelf: Library, folders: Folders) -> None:
    whole = text(shelf, folders, {"it": ("KitchenLoose", {"x": 5})})
    assert (whole, text(shelf, folders, {"it": ("KitchenLoose", {"x": 5.0})})) == ("5", "5.0")


def test_a_picture_cannot_be_written_down(shelf: Library, folders: Folders) -> None:
    nodes = {"it": ("KitchenMean", {"image": 5}), "show": ("KitchenShow", {"what": ["it", 0]})}
    assert "needs a link" in failure(shelf, folders, nodes)


def test_undeclared_links_are_passed_on_and_undeclared_values_dropped(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenKwargs", {"a": ["1", 0], "b": 7})}
    assert text(shelf, folders, nodes) == "[('a', 4)]"


def test_a_class_may_take_values_of_any_name(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenFlexible", {"a": ["1", 0], "b": 7})}
    assert text(shelf, folders, nodes) == "[('a', 4), ('b', 7)]"


def test_lists_spread_map_and_gather(shelf: Library, folders: Folders) -> None:
    nodes = {
        "three": ("KitchenMany", {"count": 3}),
        "two": ("KitchenMany", {"count": 2}),
        "pairs": ("KitchenPair", {"a": ["three", 0], "b": ["two", 0]}),
        "it": ("KitchenGather", {"items": ["pairs", 0], "sep": "-"}),
    }
    assert text(shelf, folders, nodes) == "00-11-21 ['-'] ['it']"


def test_a_lone_value_that_is_a_list_stays_one(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenTray", {}), "it": ("KitchenGather", {"items": ["1", 0], "sep": "-"})}
    assert text(shelf, folders, nodes) == "['soup', 'bread'] ['-'] ['it']"


def test_lazy_inputs_are_computed_as_the_class_asks(shelf: Library, folders: Folders) -> None:
    nodes = {
        "1": ("KitchenNumber", {"value": 1}),
        "2": ("KitchenNumber", {"value": 2}),
        "it": ("KitchenChoose", {"first": False, "a": ["1", 0], "b": ["2", 0]}),
        "show": ("KitchenShow", {"what": ["it", 0]}),
    }
    told = cook(shelf, folders, nodes)
    assert told.outcome.results["show"].shown.text == ("2",)
    assert "1" not in told.started and inside(shelf)["SEEN"] == [("choose", None, 2)]


def test_a_raw_link_is_handed_on_as_it_is(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenRaw", {"link": ["1", 0]})}
    assert text(shelf, folders, nodes) == "['1', 0] True"


def test_sub_graphs_nest_and_reach_outside(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenNumber", {"value": 4}), "it": ("KitchenRepeat", {"times": 5, "value": ["1", 0]})}
    told = cook(shelf, folders, {**nodes, "show": ("KitchenShow", {"what": ["it", 0]})})
    assert told.outcome.results["show"].shown.text == ("504",)
    ids = [id for _, id, _ in inside(shelf)["SEEN"]]
    assert ids == ["it" + ".~0.2" * depth for depth in range(5)]
    assert {kind for _, _, kind in inside(shelf)["SEEN"]} == {"KitchenRepeat"}
    displays = [dict(event.displays) for event in told.of(NodeExpanded)]
    assert displays[0] == {"it.~0.1": "it"}


def test_a_circle_made_by_an_expansion_is_told_at_the_expanding_node(shelf: Library, folders: Folders) -> None:
    told = cook(shelf, folders, {"it": ("KitchenCircle", {}), "show": ("KitchenShow", {"what": ["it", 0]})})
    assert "circle" in told.failed["it"]


def test_a_blocker_skips_what_depends_on_it(shelf: Library, folders: Folders) -> None:
    nodes = {"1": ("KitchenBlock", {"message": ""}), "show": ("KitchenShow", {"what": ["1", 0]})}
    told = cook(shelf, folders, nodes)
    assert (told.outcome.state, told.failed, told.skipped) == ("succeeded", {}, {"show": ""})
    nodes = {"1": ("KitchenBlock", {"message": "no salt"}), "show": ("KitchenShow", {"what": ["1", 0]})}
    assert cook(shelf, folders, nodes).failed == {"show": "no salt"}


def test_coroutines_run_at_the_same_time(shelf: Library, folders: Folders) -> None:
    nodes = {str(i): ("KitchenSlow", {"value": i}) for i in range(3)}
    shows = {f"s{i}": ("KitchenShow", {"what": [str(i), 0]}) for i in range(3)}
    cook(shelf, folders, {**nodes, **shows})
    assert [kind for kind, _ in inside(shelf)["SEEN"]] == ["enter"] * 3 + ["leave"] * 3


def test_progress_bars_report(shelf: Library, folders: Folders) -> None:
    told = cook(shelf, folders, {"1": ("KitchenSteps", {"steps": 3}), "s": ("KitchenShow", {"what": ["1", 0]})})
    assert [(tick.done, tick.total) for tick in told.of(NodeProgressed)] == [(1, 3), (2, 3), (3, 3)]
    assert told.outcome.results["s"].shown.text == ("16384",)


def test_interrupting_takes_effect_at_the_next_tick(shelf: Library, folders: Folders) -> None:
    import asyncio

    cancellation, ticks = Cancellation(), []

    def listen(event: object) -> None:
        if isinstance(event, NodeProgressed):
            ticks.append(event)
            cancellation.cancel()

    nodes = {"1": {"class_type": "KitchenSteps", "inputs": {"steps": 10**7}}}
    graph = join(from_json(nodes), shelf, folders, ["1"])
    with Executor(folders) as executor:
        outcome = asyncio.run(asyncio.wait_for(executor.run(graph, listen, cancellation), 30))
    assert outcome.state == "interrupted"


def test_a_second_run_computes_nothing_and_shows_the_same(shelf: Library, folders: Folders) -> None:
    cache = MemoryCache(10**6)
    nodes = {"1": ("KitchenNumber", {"value": 4}), "s": ("KitchenShow", {"what": ["1", 0]})}
    first, again = (cook(shelf, folders, nodes, cache=cache) for _ in range(2))
    assert first.started == ["1", "s"] and again.started == []
    assert [event.shown for event in again.of(NodeShowed)] == [event.shown for event in first.of(NodeShowed)]


def test_what_a_class_changes_in_place_spoils_no_kept_result(shelf: Library, folders: Folders) -> None:
    cache = MemoryCache(10**6)
    for seed in range(3):
        nodes = {
            "grey": ("KitchenGrey", {"value": 0.5}),
            "spoil": ("KitchenSpoil", {"image": ["grey", 0], "seed": seed}),
            "again": ("KitchenSpoil", {"image": ["spoil", 0], "seed": 100 + seed}),
            "it": ("KitchenMean", {"image": ["again", 0]}),
        }
        assert text(shelf, folders, nodes, cache) == "2.5"
        untouched = {"grey": ("KitchenGrey", {"value": 0.5}), "it": ("KitchenMean", {"image": ["grey", 0]})}
        assert text(shelf, folders, untouched, cache) == "0.5"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("KitchenTwoForOne", "2 values, but declares 1"), ("KitchenWrong", "type str, but declares integer")],
)
def test_results_of_another_number_or_type_are_refused(shelf: Library, folders: Folders, kind: str, said: str) -> None:
    told = cook(shelf, folders, {"1": (kind, {}), "s": ("KitchenShow", {"what": ["1", 0]})})
    assert re.search(said, told.failed["1"])


def test_newer_nodes(shelf: Library, folders: Folders) -> None:
    assert text(shelf, folders, {"it": ("PantryJar", {"count": 3, "what": "plums"})}) == "3 plums plain None in it"
    told = cook(
        shelf, folders, {"1": ("PantryJar", {"count": 1, "what": "pears"}), "2": ("PantryShelf", {"jar": ["1", 1]})}
    )
    assert told.outcome.results["2"].shown.text == ("{'count': 1}",)
    nodes = {"1": ("PantryJar", {"count": 0, "what": "plums"}), "2": ("PantryShelf", {"jar": ["1", 1]})}
    assert "plums come in numbers" in failure(shelf, folders, nodes)
    told = cook(shelf, folders, {"1": ("PantryShut", {}), "2": ("PantryShelf", {"jar": ["1", 0]})})
    assert told.failed == {"2": "the pantry is shut"}


def test_what_a_raw_link_carries_is_computed_before_and_not_looked_at(shelf: Library, folders: Folders) -> None:
    nodes = {"many": ("KitchenMany", {"count": 3}), "raw": ("KitchenRaw", {"link": ["many", 0]})}
    told = cook(shelf, folders, nodes, ["raw"])
    assert told.value("raw") == "['many', 0] True" and set(told.started) == {"many", "raw"}
    nodes = {"no": ("KitchenBlock", {"message": ""}), "raw": ("KitchenRaw", {"link": ["no", 0]})}
    assert cook(shelf, folders, nodes, ["raw"]).value("raw") == "['no', 0] True"
    assert cook(shelf, folders, {"raw": ("KitchenRaw", {"link": 5})}, ["raw"]).value("raw") == "5 False"


def test_a_list_on_a_lazy_input_is_mapped_over(shelf: Library, folders: Folders) -> None:
    nodes = {
        "many": ("KitchenMany", {"count": 3}),
        "pick": ("KitchenChoose", {"first": True, "a": ["many", 0], "b": 9}),
    }
    assert cook(shelf, folders, nodes, ["pick"]).value("pick") == [0, 1, 2]


def test_a_node_may_show_something_and_expand(shelf: Library, folders: Folders) -> None:
    cache = MemoryCache(10**6)
    for reused in (False, True):
        told = cook(shelf, folders, {"a": ("KitchenAnnounce", {})}, ["a"], cache)
        (event,) = told.of(NodeShowed)
        assert told.value("a") == 6 and (event.shown.text, event.reused) == (("soup soon",), reused)
