"""Shows a run while it goes on, as plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, Self

from ..events import (
    Event,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeProgressed,
    NodeSaid,
    NodeShowed,
    NodeSkipped,
    NodeStarted,
    RunStarted,
)
from ..executor import Outcome
from ..plan import upstream
from . import telling
from .jobs import Job
from .tally import Tally
from .terminal import are_apart, clean, complain, say

_EACH_NODE = 100


class Display(Protocol):
    """Takes the events of one run after the other; no method raises."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""

    def begin(self, job: Job) -> None:
        """Show this run next."""

    def __call__(self, event: Event) -> None:
        """Show an event."""

    def note(self, text: str) -> None:
        """Tell something beside the events; may be called from any thread."""

    def made(self, text: str) -> None:
        """Tell of a folder that was made."""

    def end(self, outcome: Outcome) -> None:
        """Sum the run up."""

    def close(self, states: Sequence[str], wanted: int) -> None:
        """Sum all runs up: how those ended that were made, of as many as were wanted."""


class Plain:
    """Writes lines: results to the standard output, all else to the standard error.

    Args:
        traceback: Whether to show the traceback of an unforeseen exception.
        runs: How many runs there will be; of several each is named.
    """

    def __init__(self, traceback: bool = False, runs: int = 1) -> None:
        self._traceback = traceback
        self._runs = runs
        self._begun = 0
        self._warned: set[tuple[Path, str]] = set()
        self._names: dict[str, str] = {}
        self._skipped: list[tuple[str, str]] = []
        self._running: dict[str, float] = {}
        self._stopped: list[str] = []
        self._done = self._total = 0
        self._tally = Tally()
        self._remind = True  # that nothing was saved, once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def begin(self, job: Job) -> None:
        """Name the run where there are several, and its warnings."""
        self._graph = graph = job.graph
        self._names.clear()
        self._skipped.clear()
        self._running.clear()
        self._stopped.clear()
        self._done = self._total = 0
        self._tally = Tally()
        self._begun += 1
        if self._runs > 1:
            heading = f"({self._begun}/{self._runs}) {job.name}:"
            self.note(heading)
            if are_apart():  # each stream tells alone which run its lines are of
                say(heading)
        for warning in dict.fromkeys(clean(str(warning)) for warning in graph.warnings):
            if (job.file, warning) not in self._warned:
                self._warned.add((job.file, warning))
                self.note(f"warning: {warning}")

    def note(self, text: str) -> None:
        """Write a line."""
        complain(text)

    def made(self, text: str) -> None:
        """Write a line."""
        self.note(text)

    def __call__(self, event: Event) -> None:
        """Write what happened, if it is worth a line."""
        self._tally.take(event)
        match event:
            case RunStarted():
                self._total += len(event.runs)
            case NodeStarted():
                self._names[event.node] = event.title
                self._running[event.node] = 0.0
                self.started(event)
            case NodeExpanded():
                self._total += len(event.nodes)
            case NodeProgressed() if event.total > 0 and event.node in self._running:
                self._running[event.node] = min(1.0, event.done / event.total)
                self.progressed(event)
            case NodeSaid():
                self.note(f"{self.name(event.node)}: {clean(event.text)}")
            case NodeShowed():
                self._remind = False
                self.showed(event)
            case NodeFinished() if not event.reused:
                self.finished(event)
            case NodeFailed():
                self.finished(event)
                self.note(telling.failure(event, self._traceback))
            case NodeSkipped() if event.because:
                self._skipped.append((event.because, event.node))
            case NodeSkipped() if event.node in self._running:
                self._stopped.append(self.name(event.node))

    def say(self, text: str) -> None:
        """Write a line of what was asked for."""
        say(text)

    def started(self, event: NodeStarted) -> None:
        """Show that a node begins."""

    def progressed(self, event: NodeProgressed) -> None:
        """Show how far a node is."""

    def showed(self, event: NodeShowed) -> None:
        """Write what a sink saved."""
        for line in telling.shown(event):
            self.say(line)

    def finished(self, event: NodeFinished | NodeFailed) -> None:
        """Write that a node is over: each one, or of a large graph at each tenth."""
        self._running.pop(event.node, None)
        self._done += 1
        self._total = max(self._total, self._done)  # kept results that turned out to be gone are computed after all
        often = self._total <= _EACH_NODE or self._done * 10 // self._total > (self._done - 1) * 10 // self._total
        if isinstance(event, NodeFinished) and often:
            self.note(f"[{self._done}/{self._total}] {self.name(event.node)}: {telling.duration(event.seconds)}")

    def end(self, outcome: Outcome) -> None:
        """Write what did not run, and how long everything took."""
        for because, nodes in self.causes() if outcome.state == "failed" else ():
            names = ", ".join(self.name(id) for id in nodes[:8]) + (
                f" and {len(nodes) - 8} more" if len(nodes) > 8 else ""
            )
            self.note(f"not run, because {self.name(because)} failed: {names}")
        for line in self.summary(outcome):
            self.note(line)
        if outcome.state == "succeeded" and self._remind and not self.saves():
            self._remind = False
            self.note("nothing was saved: no node that --to names, or that these need, saves or shows anything")

    def close(self, states: Sequence[str], wanted: int) -> None:
        """Write how many runs went well, where there were several."""
        if self._runs > 1:
            self.note(telling.together(states, wanted))

    def saves(self) -> bool:
        """Tell whether a node that is wanted, or needed for one, saves or shows something."""
        steps = self._graph.steps
        return any(steps[id].node.sink for id in upstream(steps, self._graph.targets))

    def causes(self) -> Iterable[tuple[str, list[str]]]:
        """What failed, each with all nodes that did not run for it."""
        found: dict[str, list[str]] = {}
        roots: dict[str, str] = {}
        for because, node in self._skipped:
            roots[node] = roots.get(because, because)
            found.setdefault(roots[node], []).append(node)
        return found.items()

    def summary(self, outcome: Outcome) -> list[str]:
        """The last lines of a run."""
        return [telling.ending(outcome, self._tally.shares(outcome, self._graph), self._stopped)]

    def name(self, id: str) -> str:
        """Name a node for people."""
        step = self._graph.steps.get(id)
        return telling.named(id, self._names.get(id) or (step.name if step is not None else ""))
