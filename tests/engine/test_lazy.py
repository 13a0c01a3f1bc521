"""Inputs that are computed only when a node awaits them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from graph_runtime import DeclarationError, Lazy, Library, NodeError, node
from graph_runtime.cache import MemoryCache
from tests.engine.apples import LIBRARY
from tests.engine.runs import graph, run

BRANCHES = {
    "yes": ("Bump", {"n": 1}),
    "no": ("Bump", {"n": 10}),
    "pick": ("Choose", {"first": True, "yes": ["yes", 0], "no": ["no", 0]}),
}


def test_only_the_branch_that_is_awaited_runs() -> None:
    told = run(BRANCHES, "pick")
    assert told.started == ["pick", "yes"]
    assert told.value("pick") == 2


def test_what_only_a_lazy_input_needs_is_not_planned() -> None:
    from graph_runtime.events import RunStarted

    assert run(BRANCHES, "pick").events[0] == RunStarted(("pick",), ())


def test_a_literal_on_a_lazy_input_is_awaited_like_any_other() -> None:
    told = run({"pick": ("Choose", {"first": False, "yes": 1, "no": 2})}, "pick")
    assert told.value("pick") == 2


def test_a_kept_branch_is_not_computed_again() -> None:
    cache = MemoryCache(1 << 20)
    run(BRANCHES, "yes", cache=cache)
    told = run(BRANCHES, "pick", cache=cache)
    assert told.started == ["pick"]
    assert told.reused == ["yes"]
    again = run(BRANCHES, "pick", cache=cache)
    assert again.started == []
    assert again.reused == ["pick"]


def test_a_failing_branch_that_is_awaited_skips_the_node() -> None:
    told = run(BRANCHES | {"yes": ("Refuse", {})}, "pick")
    assert told.failed == {"yes": "the apple is too small."}
    assert told.skipped == {"pick": "yes"}


def test_a_failing_branch_that_is_not_awaited_is_no_failure() -> None:
    told = run(BRANCHES | {"no": ("Refuse", {})}, "pick")
    assert told.outcome.state == "succeeded"


def test_a_node_may_do_without_a_branch_that_fails() -> None:
    told = run({"bad": ("Refuse", {}), "try": ("Attempt", {"risky": ["bad", 0], "fallback": 5})}, "try")
    assert told.value("try") == 5


def test_two_inputs_may_be_awaited_at_once_and_twice() -> None:
    nodes = {
        "a": ("Bump", {"n": ["deep", 0]}),
        "deep": ("Bump", {"n": 1}),
        "b": ("Bump", {"n": 5}),
        "sum": ("DemandBoth", {"a": ["a", 0], "b": ["b", 0], "twice": True}),
        "end": ("Bump", {"n": ["sum", 0]}),
    }
    told = run(nodes, "end")
    assert told.value("end") == 10
    assert sorted(told.started) == ["a", "b", "deep", "end", "sum"]


def test_lazy_nodes_may_await_lazy_nodes_a_thousand_deep() -> None:
    nodes: dict[str, object] = {"0": ("Number", {"value": 1})}
    for i in range(1, 1000):
        nodes[str(i)] = ("Choose", {"first": True, "yes": [str(i - 1), 0], "no": 0})
    told = run(nodes, "999")
    assert told.value("999") == 1
    assert len(told.started) == 1000


def test_what_a_branch_shares_with_the_rest_runs_once() -> None:
    nodes = {
        "shared": ("Ripen", {"days": 1}),
        "user": ("Bump", {"n": ["shared", 0]}),
        "branch": ("Bump", {"n": ["shared", 0], "by": 5}),
        "gate": ("Bump", {"n": ["user", 0]}),
        "pick": ("Choose", {"first": ["truth", 0], "yes": ["branch", 0], "no": ["gate", 0]}),
        "truth": ("IsPositive", {"n": ["gate", 0]}),
    }
    told = run_with(nodes, "pick")
    assert told == ["shared", "user", "gate", "truth", "pick", "branch"]


def test_a_branch_that_two_nodes_await_one_after_the_other_runs_once() -> None:
    nodes = {
        "branch": ("Ripen", {"days": 1}),
        "one": ("Choose", {"first": True, "yes": ["branch", 0], "no": 0}),
        "positive": ("IsPositive", {"n": ["one", 0]}),
        "two": ("Choose", {"first": ["positive", 0], "yes": ["branch", 0], "no": ["one", 0]}),
    }
    assert run_with(nodes, "two") == ["one", "branch", "positive", "two"]


@node("Is Positive")
def is_positive(n: int) -> bool:
    return n > 0


def run_with(nodes: Mapping[str, object], target: str) -> list[str]:
    library = LIBRARY + Library.of("signs", is_positive)
    return run(graph(nodes, target, library=library)).started


def test_a_lazy_input_needs_a_coroutine() -> None:
    @node()
    def wrong(n: Lazy[int]) -> int:
        return 1

    with pytest.raises(DeclarationError, match="a lazy input \\(n\\) is awaited, so the node is an `async def`"):
        len(Library.of("wrong", wrong))


def test_a_node_with_lazy_inputs_can_be_called_as_a_plain_function() -> None:
    from tests.engine.apples import choose

    assert asyncio.run(choose(True, Lazy.of(3), Lazy.of(4))) == 3


def test_what_cannot_be_had_is_told_to_who_awaits_it() -> None:
    @node()
    async def curious(n: Lazy[int]) -> str:
        try:
            return str(await n)
        except NodeError as error:
            return error.message

    made = graph({"r": ("Rot", {}), "c": ("Curious", {"n": ["r", 0]})}, "c", library=LIBRARY + Library.of("c", curious))
    assert run(made).value("c") == "what node r puts out cannot be had: it did not succeed."


def test_a_list_on_a_lazy_input_is_computed_first_and_mapped_over() -> None:
    nodes = {"c": ("Crate", {"count": 3}), "pick": ("Choose", {"first": True, "yes": ["c", 0], "no": ["far", 0]})}
    told = run(nodes | {"far": ("Bump", {"n": 1})}, "pick")
    assert told.value("pick") == [1, 2, 3]
    assert told.started == ["c", "pick"]


@node("First Of")
async def first_of(a: Lazy[float], b: Lazy[float]) -> float:
    """Take what is there first, and leave the other one to itself."""

    async def had(one: Lazy[float]) -> float:
        return await one

    both = [asyncio.create_task(had(one)) for one in (a, b)]
    done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


def test_a_node_need_not_wait_for_all_that_it_asked_for() -> None:
    nodes = {
        "soon": ("Nap", {"seconds": 0.01}),
        "late": ("Nap", {"seconds": 0.2}),
        "first": ("FirstOf", {"a": ["soon", 0], "b": ["late", 0]}),
        "then": ("Add", {"a": ["first", 0], "b": 1.0}),
    }
    told = run(graph(nodes, "then", library=LIBRARY + Library.of("first", first_of)))
    assert told.value("then") == 1.01


@node("Spoil Later")
async def spoil_later(crate: Lazy[list[int]]) -> int:
    found = await crate
    found.append(1000)
    return len(found)


def test_a_list_that_is_awaited_is_the_nodes_own() -> None:
    nodes = {
        "crate": ("Crate", {"count": 3}),
        "one": ("Number", {"value": 5}),
        "spoil": ("SpoilLater", {"crate": ["crate", 0]}),
        "lone": ("SpoilLater", {"crate": ["one", 0]}),
    }
    told = run(graph(nodes, "crate", "spoil", "lone", library=LIBRARY + Library.of("spoil", spoil_later)))
    assert (told.value("crate"), told.value("spoil"), told.value("lone")) == ([1, 2, 3], 4, 2)
