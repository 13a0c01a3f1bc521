"""Shows a run while it goes on: as plain lines, or as one line of JSON for each event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Protocol, Self

from ..errors import Problem
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
    RunFinished,
    RunStarted,
)
from ..executor import Outcome
from ..graph import Graph
from . import telling
from .terminal import clean, complain, say

_EACH_NODE = 100


class Display(Protocol):
    """Takes the events of one run after the other; no method raises."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""

    def begin(self, graph: Graph) -> None:
        """Show a run of this graph next."""

    def __call__(self, event: Event) -> None:
        """Show an event."""

    def note(self, text: str) -> None:
        """Tell something beside the events; may be called from any thread."""

    def end(self, outcome: Outcome) -> None:
        """Sum the run up."""


class Plain:
    """Writes lines: results to the standard output, all else to the standard error.

    Args:
        traceback: Whether to show the traceback of an unforeseen exception.
        several: Whether the name of each file is told.
    """

    def __init__(self, traceback: bool = False, several: bool = False) -> None:
        self._traceback = traceback
        self._several = several
        self._names: dict[str, str] = {}
        self._skipped: list[tuple[str, str]] = []
        self._done = self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def begin(self, graph: Graph) -> None:
        """Name the file where there are several, and its warnings."""
        self._graph = graph
        self._names.clear()
        self._skipped.clear()
        self._done = self._total = 0
        if self._several:
            self.note(f"{graph.workflow.source}:")
        for warning in graph.warnings:
            self.note(f"warning: {clean(str(warning))}")

    def note(self, text: str) -> None:
        """Write a line."""
        complain(text)

    def __call__(self, event: Event) -> None:
        """Write what happened, if it is worth a line."""
        match event:
            case RunStarted():
                self._total += len(event.runs)
            case NodeStarted():
                self._names[event.node] = event.title
                self.started(event)
            case NodeExpanded():
                self._total += len(event.nodes)
            case NodeProgressed():
                self.progressed(event)
            case NodeSaid():
                self.note(f"{self.name(event.node)}: {clean(event.text)}")
            case NodeShowed():
                self.showed(event)
            case NodeFinished() if not event.reused:
                self.finished(event)
            case NodeFailed():
                self.finished(event)
                self.note(telling.failure(event, self._traceback))
            case NodeSkipped() if event.because:
                self._skipped.append((event.because, event.node))

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
        self._done += 1
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
        return [telling.ending(outcome, self._graph)]

    def name(self, id: str) -> str:
        """Name a node for people."""
        step = self._graph.steps.get(id)
        return telling.named(id, self._names.get(id) or (step.name if step is not None else ""))


class JsonLines:
    """Writes one JSON object a line to the standard output; the values that flow are never in it.

    Args:
        traceback: Whether a failure carries its traceback.
    """

    def __init__(self, traceback: bool = False) -> None:
        self._traceback = traceback
        self._file = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def begin(self, graph: Graph) -> None:
        """Write the warnings."""
        self._file = graph.workflow.source
        for warning in graph.warnings:
            _line({"event": "warning", "file": self._file, "problem": plain_problem(warning)})

    def note(self, text: str) -> None:
        """Write a line about the run as a whole."""
        _line({"event": "note", "text": text})

    def __call__(self, event: Event) -> None:
        """Write an event."""
        _line(plain_event(event, self._file, self._traceback))

    def end(self, outcome: Outcome) -> None:
        """Write nothing: the last event has said it."""


def invalid(source: str, problems: tuple[Problem, ...]) -> None:
    """Write that a file cannot run, and why, as a line of JSON."""
    _line({"event": "invalid", "file": source, "problems": [plain_problem(problem) for problem in problems]})


def plain_problem(problem: Problem) -> dict[str, object]:
    """A problem as plain JSON data."""
    return {
        "kind": problem.kind,
        "message": problem.message,
        "node": problem.node,
        "title": problem.title,
        "class_type": problem.class_type,
        "input": problem.input,
        "nearest": problem.nearest,
    }


def plain_event(event: Event, file: str, traceback: bool) -> dict[str, object]:
    """An event as plain JSON data."""
    match event:
        case RunStarted():
            return {"event": "run_started", "file": file, "runs": event.runs, "reused": event.reused}
        case NodeStarted():
            return {"event": "node_started", "node": event.node, "title": event.title, "class_type": event.class_type}
        case NodeProgressed():
            return {"event": "node_progressed", "node": event.node, "done": event.done, "total": event.total}
        case NodeSaid():
            return {"event": "node_said", "node": event.node, "text": event.text}
        case NodeShowed():
            return {
                "event": "node_showed",
                "node": event.node,
                "title": event.title,
                **_shown(event),
                "reused": event.reused,
            }
        case NodeExpanded():
            return {"event": "node_expanded", "node": event.node, "nodes": event.nodes}
        case NodeFinished():
            return {
                "event": "node_finished",
                "node": event.node,
                "seconds": round(event.seconds, 6),
                "reused": event.reused,
            }
        case NodeFailed():
            trace = {"traceback": event.trace} if traceback else {}
            return {"event": "node_failed", "node": event.node, "problem": plain_problem(event.problem), **trace}
        case NodeSkipped():
            return {"event": "node_skipped", "node": event.node, "because": event.because}
        case RunFinished():
            return {"event": "run_finished", "file": file, "state": event.state, "seconds": round(event.seconds, 6)}


def _shown(event: NodeShowed) -> dict[str, object]:
    files = [
        {"path": str(file.path), "folder": file.folder, "media": file.media, "sha256": file.digest}
        for file in event.shown.files
    ]
    return {"files": files, "text": event.shown.text}


def _line(data: Mapping[str, object]) -> None:
    say(json.dumps(data))
