"""A node that runs out of memory: services let go of what is not in use, and it is tried once more."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass, field
from typing import Self

import pytest

from graph_runtime import (
    SILENT,
    Builder,
    Event,
    Folders,
    Library,
    NodeError,
    OutOfMemory,
    Progress,
    Service,
    Shown,
    join,
    node,
)
from graph_runtime.events import NodeSaid
from graph_runtime.executor import Executor, Outcome
from tests.engine.runs import graph

SPACE = 10
"""How many apples the cellar takes."""


class Crate:
    """Some apples; gone when nobody holds it."""


@dataclass
class Cellar(Service):
    """An allocator of places for apples: those that wait can be given away, those in work cannot."""

    waiting: int = 0
    tried: list[int] = field(default_factory=list)
    crates: list[weakref.ref[Crate]] = field(default_factory=list)
    relieved: int = 0

    @classmethod
    def open(cls, folders: Folders) -> Self:
        return cls()

    def take(self, count: int) -> Crate:
        self.tried.append(count)
        crate = Crate()
        self.crates.append(weakref.ref(crate))
        if self.waiting + count > SPACE:
            raise MemoryError(f"no place for {count} apples: {crate}")
        return crate

    def relieve(self) -> bool:
        assert all(crate() is None for crate in self.crates), "the failed call still holds its apples"
        self.relieved += 1
        had, self.waiting = self.waiting, 0
        return had > 0


@node("Keep")
def keep(count: int, *, cellar: Cellar) -> int:
    """Keep apples for later."""
    cellar.waiting += count
    return count


@node("Press")
def press(count: int, kept: int = 0, *, cellar: Cellar) -> int:
    """Press apples, all at once."""
    crate = cellar.take(count)
    return count if crate else 0


@node("Refuse")
def refuse(kept: int, *, cellar: Cellar) -> int:
    """Say in words that there is no place."""
    cellar.tried.append(kept)
    raise OutOfMemory("there are too many apples.")


LIBRARY = Library.of("cellars", keep, press, refuse)


def run(count: int, kind: str = "Press", kept: int = 6) -> tuple[Outcome, Cellar]:
    builder = Builder()
    first = builder.add("Keep", count=kept)
    last = builder.add(kind, **({"count": count} if kind == "Press" else {}), kept=first)
    with Executor() as executor:
        outcome = asyncio.run(executor.run(join(builder.workflow(), LIBRARY, Folders(), [last.node])))
        return outcome, executor.service(Cellar)


def test_what_waits_is_let_go_and_the_node_tried_again() -> None:
    outcome, cellar = run(8)
    assert outcome.state == "succeeded"
    assert (cellar.tried, cellar.relieved, cellar.waiting) == ([8, 8], 1, 0)


def test_it_is_tried_again_once() -> None:
    outcome, cellar = run(11)
    assert outcome.state == "failed"
    assert (cellar.tried, cellar.relieved) == ([11, 11], 1)


def test_where_nothing_can_be_let_go_it_is_not_tried_again() -> None:
    outcome, cellar = run(11, kept=0)
    (failure,) = outcome.failures.values()
    assert "no place for 11 apples" in str(failure.problem)
    assert (cellar.tried, cellar.relieved) == ([11], 1)


def test_a_shortage_in_words_is_told_as_it_is() -> None:
    outcome, cellar = run(0, "Refuse")
    (failure,) = outcome.failures.values()
    assert failure.problem.kind == "refused"
    assert failure.problem.message == "there are too many apples."
    assert len(cellar.tried) == 2


def test_other_errors_are_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cellar, "take", lambda self, count: (_ for _ in ()).throw(NodeError("rotten.")))
    outcome, cellar = run(8)
    assert outcome.state == "failed"
    assert cellar.relieved == 0


@node("Grumble")
def grumble(count: int = 0, *, progress: Progress = SILENT) -> int:
    """Say twice what all say, and once what is its own."""
    progress.say("the cellar is cold", once=True)
    progress.say(f"{count} apples", once=True)
    progress.say("as always")
    return count


def test_what_all_nodes_say_is_told_once_in_a_run() -> None:
    builder = Builder()
    first = builder.add("Grumble", count=1)
    second = builder.add("Grumble", count=first)
    events: list[Event] = []
    with Executor() as executor:
        graph = join(builder.workflow(), Library.of("cold", grumble), Folders(), [second.node])
        asyncio.run(executor.run(graph, events.append))
        assert [each.text for each in events if isinstance(each, NodeSaid)] == [
            "the cellar is cold", "1 apples", "as always", "as always",
        ]  # fmt: skip
        asyncio.run(executor.run(graph, events.append))
    assert sum(isinstance(each, NodeSaid) and each.text == "the cellar is cold" for each in events) == 2


@node("Stack")
def stack(counts: list[int], rows: list[int], *, cellar: Cellar) -> int:
    """Empty the lists that it is given, one apple at a time, then press them."""
    total = 0
    while counts:
        total += counts.pop()
    while rows:
        total += rows.pop()
    cellar.take(total)
    return total


@node("Sell")
def sell(kept: int, *, cellar: Cellar) -> Shown[None]:
    """Sell apples; there may be no place for the money."""
    cellar.take(kept + SPACE)
    return Shown()


def run_nodes(nodes: dict, target: str) -> tuple[Outcome, Cellar]:
    with Executor() as executor:
        library = LIBRARY + Library.of("market", stack, sell)
        outcome = asyncio.run(executor.run(graph(nodes, target, library=library)))
        return outcome, executor.service(Cellar)


def test_each_attempt_has_lists_of_its_own() -> None:
    nodes = {"keep": ("Keep", {"count": 6}), "stack": ("Stack", {"counts": ["keep", 0], "rows": [1, 1]})}
    outcome, cellar = run_nodes(nodes, "stack")
    assert outcome.state == "succeeded", outcome.failures
    assert cellar.tried == [8, 8] and outcome.results["stack"].outputs == (8,)


def test_a_node_that_saves_is_not_tried_again() -> None:
    outcome, cellar = run_nodes({"keep": ("Keep", {"count": 6}), "sell": ("Sell", {"kept": ["keep", 0]})}, "sell")
    assert outcome.state == "failed"
    assert (cellar.tried, cellar.relieved) == ([16], 0)
