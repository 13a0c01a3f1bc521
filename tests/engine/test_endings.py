"""Random graphs of every kind of node, cancelled at random moments: a run always ends, and in good order."""

from __future__ import annotations

import asyncio
import random

import pytest

from graph_runtime import Cancellation, Event, Executor, Outcome
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeFailed, NodeFinished, NodeSkipped, NodeStarted, RunFinished, RunStarted
from tests.engine.runs import graph


def made(dice: random.Random, count: int) -> dict[str, object]:
    """A graph of numbers; some of its nodes fail, block, wait, expand, or compute only what they are asked for."""
    nodes: dict[str, object] = {"0": ("Number", {"value": 1})}
    for i in range(1, count):

        def link(i: int = i) -> list[object]:
            return [str(dice.randrange(i)), 0]

        nodes[str(i)] = dice.choice(
            [
                ("Bump", {"n": link(), "by": dice.randrange(3)}),
                ("Multiply", {"a": link(), "b": link()}),
                ("Choose", {"first": dice.random() < 0.5, "yes": link(), "no": link()}),
                ("DemandBoth", {"a": link(), "b": link(), "twice": True}),
                ("Attempt", {"risky": link()}),
                ("Loop", {"times": dice.randrange(3), "total": link()}),
                ("ShowTwice", {"value": link()}),
                ("Reroute", {"value": link()}),
                dice.choice([("Rot", {"n": link()}), ("Block", {"n": link()}), ("Unsteady", {"n": link()})]),
                ("Halve", {"n": link()}),
            ]
        )
    return nodes


@pytest.mark.parametrize("seed", range(40))
def test_every_run_ends_in_good_order(seed: int) -> None:
    dice = random.Random(seed)
    nodes = made(dice, dice.randrange(2, 40))
    targets = dice.sample(list(nodes), dice.randrange(1, min(5, len(nodes) + 1)))
    cancel_after = dice.choice([None, 0.0, 0.002, 0.01])
    cache = dice.choice([None, MemoryCache(1 << 20)])
    for _ in range(2):
        outcome, events = asyncio.run(ended(nodes, targets, cancel_after, cache))
        check(outcome, events, targets, cached=cache is not None)


async def ended(
    nodes: dict[str, object], targets: list[str], cancel_after: float | None, cache: MemoryCache | None
) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    cancellation = Cancellation()
    if cancel_after is not None:
        asyncio.get_running_loop().call_later(cancel_after, cancellation.cancel)
    with Executor(cache=cache) as executor:
        running = executor.run(graph(nodes, *targets), events.append, cancellation)
        return await asyncio.wait_for(running, 20), events


def check(outcome: Outcome, events: list[Event], targets: list[str], cached: bool) -> None:
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert sum(isinstance(event, RunStarted | RunFinished) for event in events) == 2
    started = [event.node for event in events if isinstance(event, NodeStarted)]
    over = [event.node for event in events if isinstance(event, NodeFinished | NodeFailed | NodeSkipped)]
    assert len(over) == len(set(over)) or not cached
    if outcome.state != "interrupted":
        assert set(started) <= set(over)
        assert set(targets) <= set(over)
        if not outcome.failures:
            assert set(outcome.results) == set(targets)
    if cached:
        assert len(started) == len(set(started))
