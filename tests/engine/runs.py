"""Runs graphs of apples and notes what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graph_runtime import (
    Builder,
    Cache,
    Cancellation,
    Event,
    Executor,
    Folders,
    Graph,
    Library,
    Outcome,
    Workflow,
    join,
)
from graph_runtime.api_format import from_json
from graph_runtime.events import NodeFailed, NodeFinished, NodeSkipped, NodeStarted
from tests.engine.apples import LIBRARY


@dataclass(frozen=True)
class Told:
    """What a run gave and said."""

    outcome: Outcome
    events: tuple[Event, ...]

    @property
    def started(self) -> list[str]:
        return [event.node for event in self.events if isinstance(event, NodeStarted)]

    @property
    def reused(self) -> list[str]:
        return [event.node for event in self.events if isinstance(event, NodeFinished) and event.reused]

    @property
    def failed(self) -> dict[str, str]:
        return {event.node: event.problem.message for event in self.events if isinstance(event, NodeFailed)}

    @property
    def skipped(self) -> dict[str, str]:
        return {event.node: event.because for event in self.events if isinstance(event, NodeSkipped)}

    def value(self, node: str, output: int = 0) -> object:
        return self.outcome.results[node].outputs[output]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def graph(
    what: Workflow | Builder | Mapping[str, object],
    *targets: str,
    folders: Folders | None = None,
    library: Library = LIBRARY,
) -> Graph:
    """Join a workflow, a builder's, or one written short: `{"a": ("Number", {"value": 1})}`."""
    if isinstance(what, Builder):
        what = what.workflow()
    if not isinstance(what, Workflow):
        what = from_json({id: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in what.items()})  # type: ignore[misc]
    return join(what, library, folders, targets or None)


def run(
    what: Workflow | Builder | Mapping[str, object] | Graph,
    *targets: str,
    cache: Cache | None = None,
    folders: Folders | None = None,
    executor: Executor | None = None,
    cancellation: Cancellation | None = None,
    previews: bool = False,
) -> Told:
    """Join and run; give what happened."""
    events: list[Event] = []
    made = what if isinstance(what, Graph) else graph(what, *targets, folders=folders)
    if executor is not None:
        outcome = asyncio.run(executor.run(made, events.append, cancellation))
    else:
        with Executor(folders, cache, previews=previews) as own:
            outcome = asyncio.run(asyncio.wait_for(own.run(made, events.append, cancellation), 30))
    return Told(outcome, tuple(events))


def chain(length: int, kind: str = "Bump") -> dict[str, object]:
    """A number, and nodes that each take the one before."""
    links: Iterable[tuple[str, object]] = ((str(i), (kind, {"n": [str(i - 1), 0]})) for i in range(1, length))
    return {"0": ("Number", {"value": 0}), **dict(links)}
