"""What runs, in which order, how often; what stops and what does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from graph_runtime import Blocked, Builder, Executor, Given, Library, Node
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeFinished, NodeProgressed, NodeSaid, NodeShowed, RunFinished, RunStarted
from tests.engine.apples import NODES, Apple, Orchard
from tests.engine.runs import chain, graph, run


def test_sources_run_before_what_they_feed() -> None:
    told = run({"c": ("Cut", {"apple": ["p", 0], "pieces": 4}), "p": ("Pick", {})}, "c")
    assert told.started == ["p", "c"]
    assert told.value("c") == Apple("red", 4)


def test_events_tell_the_story_in_order() -> None:
    told = run({"n": ("Number", {"value": 7}), "t": ("Tell", {"value": ["n", 0]})})
    kinds = [type(event).__name__ for event in told.events]
    assert kinds == [
        "RunStarted",
        "NodeStarted",
        "NodeFinished",
        "NodeStarted",
        "NodeFinished",
        "NodeShowed",
        "RunFinished",
    ]
    assert told.events[0] == RunStarted(("n", "t"), ())
    assert told.outcome.state == "succeeded"


def test_only_what_is_wanted_runs() -> None:
    told = run({"a": ("Number", {}), "b": ("Bump", {"n": ["a", 0]}), "c": ("Bump", {"n": ["a", 0]})}, "b")
    assert told.started == ["a", "b"]


def test_ready_nodes_start_in_the_order_of_the_plan() -> None:
    nodes = {str(i): ("Number", {"value": i}) for i in range(6)}
    told = run(nodes, *nodes)
    assert told.started == ["0", "1", "2", "3", "4", "5"]


def test_nodes_with_equal_inputs_are_computed_once() -> None:
    nodes = {
        "a": ("Number", {"value": 3}),
        "b": ("Number", {"value": 3}),
        "c": ("Multiply", {"a": ["a", 0], "b": ["b", 0]}),
    }
    told = run(nodes, "c")
    assert told.started == ["a", "c"]
    assert told.reused == ["b"]
    assert told.value("c") == 9


def test_equal_nodes_that_are_never_cached_run_each() -> None:
    told = run({"a": ("Unsteady", {}), "b": ("Unsteady", {})}, "a", "b")
    assert told.started == ["a", "b"]


def test_named_outputs_are_linked_by_position_and_by_name() -> None:
    nodes = {"h": ("Halve", {"n": 7}), "a": ("Bump", {"n": ["h", 1]}), "b": ("Bump", {"n": ["h", "small"], "by": 2})}
    told = run(nodes, "a", "b")
    assert (told.value("a"), told.value("b")) == (5, 5)


def test_an_optional_input_may_be_linked_left_out_or_null() -> None:
    nodes = {
        "p": ("Pick", {}),
        "linked": ("Count", {"apple": ["p", 0], "spare": ["p", 0]}),
        "left": ("Count", {"apple": ["p", 0]}),
        "null": ("Count", {"apple": ["p", 0], "spare": None}),
    }
    told = run(nodes, "linked", "left", "null")
    assert [told.value(id) for id in ("linked", "left", "null")] == [2, 1, 1]


# Failures


def test_a_failing_branch_stops_nothing_else() -> None:
    nodes: dict[str, object] = {f"good{i}": ("Tell", {"value": i}) for i in range(6)}
    nodes |= {"bad": ("Rot", {}), "after": ("Bump", {"n": ["bad", 0]}), "end": ("Tell", {"value": ["after", 0]})}
    told = run(nodes)
    assert told.outcome.state == "failed"
    assert told.failed == {"bad": "ValueError: there is a worm in it"}
    assert told.skipped == {"after": "bad", "end": "after"}
    assert len(told.of(NodeShowed)) == 6


def test_work_that_only_a_broken_node_needs_does_not_start() -> None:
    nodes = {
        "bad": ("Refuse", {}),
        "product": ("Multiply", {"a": ["bad", 0], "b": ["late", 0]}),
        "late": ("Ripen", {"days": ["days", 0]}),
        "days": ("Bump", {"n": ["half", 0]}),
        "half": ("Halve", {"n": 8}),
    }
    with Executor(lanes={"cpu": 1, "gpu": 1, "io": 1}) as executor:
        told = run(nodes, "product", executor=executor)
    assert told.failed == {"bad": "the apple is too small."}
    assert told.started == ["bad"]
    assert set(told.skipped) == {"product", "late", "days", "half"}


def test_a_refusal_names_place_input_and_the_right_thing() -> None:
    told = run({"r": ("Refuse", {})}, "r")
    problem = told.outcome.failures["r"].problem
    assert str(problem) == "node r (Refuse), input n: the apple is too small. Did you mean 2?"
    assert told.outcome.failures["r"].trace == ""


def test_an_unforeseen_exception_comes_with_its_traceback() -> None:
    failure = run({"r": ("Rot", {})}, "r").outcome.failures["r"]
    assert failure.problem.kind == "failed"
    assert "raise ValueError" in failure.trace


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("stop", "StopIteration"),
        ("exit", "SystemExit"),
        ("cancelled", "CancelledError"),
        ("keyboard", "KeyboardInterrupt"),
    ],
)
def test_whatever_a_node_raises_is_its_failure(how: str, message: str) -> None:
    told = run({"x": ("GiveUp", {"how": how}), "n": ("Number", {})}, "x", "n")
    assert told.failed == {"x": message}
    assert told.value("n") == 0


def test_a_coroutine_that_cancels_itself_fails_and_the_run_goes_on() -> None:
    told = run({"x": ("AsyncGiveUp", {}), "n": ("Number", {})}, "x", "n")
    assert (told.outcome.state, told.failed) == ("failed", {"x": "CancelledError"})
    assert told.value("n") == 0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("type", "it returned a value of type str, but declares 2: small, large."),
        ("count", "it returned 3 values, but declares 2: small, large."),
        ("kind", "output large: it returned a value of type str, but declares integer."),
    ],
)
def test_wrong_results_are_refused(how: str, message: str) -> None:
    assert run({"x": ("Lie", {"how": how})}, "x").failed == {"x": message}


def test_a_value_that_only_the_run_shows_is_checked_when_it_arrives() -> None:
    nodes = {"p": ("Number", {"value": 99}), "c": ("Cut", {"apple": ["a", 0], "pieces": ["p", 0]}), "a": ("Pick", {})}
    assert run(nodes, "c").failed == {"c": "found 99, needs 1 to 12."}
    told = run({"w": ("Word", {"text": "rot"}), "p": ("Pick", {"kind": ["w", 0]})}, "p")
    assert told.failed == {"p": 'found "rot", needs one of red, green, russet.'}
    told = run({"g": ("GrowAnything", {"kind": "Word", "field": ""}), "b": ("Bump", {"n": ["g", 0]})}, "b")
    assert told.failed == {"g": "output int: it returned a value of type str, but declares integer."}


def test_an_untyped_value_is_checked_when_it_arrives() -> None:
    builder = Builder()
    same = builder.add("Reroute", value=Given(object()))
    builder.add("Bump", n=same, id="b")
    told = run(builder, "b")
    assert told.failed == {"b": "found a value of type object over the link, needs integer."}


# Blocks


def test_a_silent_block_skips_what_depends_on_it() -> None:
    nodes = {
        "b": ("Block", {}),
        "x": ("Bump", {"n": ["b", 0]}),
        "t": ("Tell", {"value": ["x", 0]}),
        "u": ("Tell", {"value": 1}),
    }
    told = run(nodes)
    assert told.skipped == {"x": "", "t": ""}
    assert told.outcome.state == "succeeded"
    assert [event.node for event in told.events if isinstance(event, NodeShowed)] == ["u"]


def test_a_block_with_a_message_is_reported_where_it_arrives() -> None:
    nodes = {
        "b": ("Block", {"message": "no apples today."}),
        "x": ("Bump", {"n": ["b", 0]}),
        "t": ("Tell", {"value": ["x", 0]}),
    }
    told = run(nodes)
    assert told.failed == {"x": "no apples today."}
    assert told.skipped == {"t": ""}


def test_a_block_inside_a_list_blocks_one_item_or_the_list() -> None:
    nodes = {
        "c": ("Crate", {"count": 3}),
        "b": ("Block", {"n": ["c", 0]}),
        "x": ("Bump", {"n": ["b", 0]}),
        "w": ("Weigh", {"crate": ["x", 0]}),
    }
    told = run(nodes, "x", "w")
    assert told.value("x") == [Blocked(), Blocked(), Blocked()]
    assert told.skipped == {"w": ""}


def test_blocks_are_not_kept() -> None:
    cache = MemoryCache(1 << 20)
    for _ in range(2):
        assert run({"b": ("Block", {})}, "b", cache=cache).started == ["b"]


# Threads, lanes, coroutines


def test_independent_nodes_run_at_the_same_time() -> None:
    nodes: dict[str, object] = {str(i): ("Nap", {"seconds": 0.1 + i / 10000}) for i in range(8)}
    with Executor() as executor:
        run({"warm": ("Nap", {"seconds": 0.0})}, "warm", executor=executor)
        started = time.perf_counter()
        run(nodes, *nodes, executor=executor)
        assert time.perf_counter() - started < 0.4


def test_one_node_at_a_time_has_the_gpu() -> None:
    nodes: dict[str, object] = {str(i): ("Press", {"seconds": 0.01 + i / 10000}) for i in range(5)}
    with Executor() as executor:
        run(nodes, *nodes, executor=executor)
        assert executor.service(Orchard).most == 1


def test_coroutines_run_at_the_same_time_whatever_the_lanes_hold() -> None:
    nodes: dict[str, object] = {f"s{i}": ("Nap", {"seconds": 0.2 + i / 10000}) for i in range(3)}
    nodes |= {f"a{i}": ("AsyncNap", {"seconds": 0.1 + i / 10000}) for i in range(30)}
    with Executor(lanes={"cpu": 1, "gpu": 1, "io": 1}) as executor:
        told = run(nodes, *nodes, executor=executor)
    finished = [event.node for event in told.events if isinstance(event, NodeFinished)]
    assert all(node.startswith("a") for node in finished[:30])
    assert told.outcome.seconds < 1.2


def test_a_service_is_opened_once_and_closed_once() -> None:
    before = Orchard.opened
    nodes: dict[str, object] = {str(i): ("Press", {"seconds": i / 10000}) for i in range(4)}
    with Executor() as executor:
        run(nodes, *nodes, executor=executor)
        run(nodes, *nodes, executor=executor)
        orchard = executor.service(Orchard)
    assert (Orchard.opened - before, orchard.closed) == (1, 1)


def test_a_service_that_cannot_be_opened_fails_the_node_only() -> None:
    told = run({"d": ("Drown", {}), "n": ("Number", {})}, "d", "n")
    assert told.failed == {"d": "OSError: the orchard is under water"}
    assert told.value("n") == 0


# Progress and previews


def test_progress_is_told_in_order_and_previews_only_where_wanted() -> None:
    told = run({"r": ("Ripen", {"days": 2})}, "r")
    assert told.of(NodeProgressed) == [NodeProgressed("r", 1, 2), NodeProgressed("r", 2, 2)]
    assert told.of(NodeSaid) == [NodeSaid("r", "ripe")]
    drawn = run({"r": ("Ripen", {"days": 1})}, "r", previews=True).of(NodeProgressed)[0]
    assert isinstance(drawn, NodeProgressed)
    assert drawn.preview is not None
    assert drawn.preview.data == b"apple"


def test_the_run_ends_with_its_end() -> None:
    told = run({"r": ("Ripen", {"days": 50})}, "r")
    assert isinstance(told.events[-1], RunFinished)
    assert len(told.of(RunFinished)) == 1


# What is handed in


def test_nodes_learn_their_id_and_the_prompt() -> None:
    told = run({"a": ("MyId", {}), "b": ("MyId", {}), "p": ("MyPrompt", {})}, "a", "b", "p")
    assert (told.value("a"), told.value("b"), told.value("p")) == ("a", "b", "a,b,p")


# What nodes must not do


def test_a_node_that_changes_its_list_changes_nobody_elses() -> None:
    nodes = {"c": ("Crate", {"count": 3}), "s": ("Spoil", {"crate": ["c", 0]}), "w": ("Weigh", {"crate": ["c", 0]})}
    told = run(nodes, "s", "w", "c")
    assert (told.value("s"), told.value("w"), told.value("c")) == (4, 6, [1, 2, 3])


def test_a_node_that_changes_its_literal_changes_no_later_run() -> None:
    made = graph({"s": ("SpoilData", {"data": {"n": 1}}), "l": ("Spoil", {"crate": [1, 2, 3]})}, "s", "l")
    for _ in range(2):
        told = run(made)
        assert (told.value("s"), told.value("l")) == (2, 4)


def test_a_chain_gives_back_what_nobody_needs_any_more() -> None:
    told = run(chain(100), "99")
    assert told.value("99") == 99
    assert set(told.outcome.results) == {"99"}


def test_what_entering_a_pack_takes_is_no_time_of_the_node() -> None:
    """Libraries are imported there; where that takes long it is told."""
    entered = []

    @contextmanager
    def around(node: Node) -> Iterator[None]:
        if not entered:
            time.sleep(1.1)
        entered.append(node)
        yield

    workflow = {"n": ("Number", {"value": 7}), "b": ("Bump", {"n": ["n", 0]})}
    told = run(graph(workflow, "b", library=Library.of("slow", *NODES, around=around)))
    assert told.outcome.seconds > 1
    assert sum(told.outcome.timings.values()) < 0.5
    (said,) = [event for event in told.events if isinstance(event, NodeSaid)]
    assert said.node == "n" and said.text.startswith("its libraries were imported in 1.")
    assert said.text.endswith(" s, which is not counted as the node's time")
