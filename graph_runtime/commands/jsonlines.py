"""Tells a run as one line of JSON for each event, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Self

from ..errors import Problem, WorkflowError
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
from .jobs import Job
from .terminal import say

FIELDS = """\b
The events of --json, one object a line, and their fields:
  run_started      file, set (what --each gives it), runs, reused
  node_started     node, title, class_type
  node_progressed  node, done, total
  node_said        node, text
  node_showed      node, title, files (path, folder, media, sha256), text, reused
  node_expanded    node, nodes
  node_finished    node, seconds, reused
  node_failed      node, problem; with --traceback also traceback
  node_skipped     node, because
  run_finished     file, state (succeeded, failed, interrupted), seconds
  note             text
  warning          file, problem
  invalid          file, problems, warnings
A problem has kind, message, node, title, class_type, input, nearest.
"""
"""What the lines hold; names that stand here stay."""


class JsonLines:
    """Writes one JSON object a line to the standard output; the values that flow between nodes are never in it.

    Args:
        traceback: Whether a failure carries its traceback.
    """

    def __init__(self, traceback: bool = False) -> None:
        self._traceback = traceback
        self._file = ""
        self._set: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def begin(self, job: Job) -> None:
        """Write the warnings."""
        self._file, self._set = str(job.file), job.settings
        for warning in job.graph.warnings:
            _line({"event": "warning", "file": self._file, "problem": plain_problem(warning)})

    def note(self, text: str) -> None:
        """Write a line about the run as a whole."""
        _line({"event": "note", "text": text})

    def __call__(self, event: Event) -> None:
        """Write an event."""
        swept = {"set": self._set} if isinstance(event, RunStarted) else {}
        _line({**plain_event(event, self._file, self._traceback), **swept})

    def made(self, text: str) -> None:
        """Write nothing: the files that were saved say where they lie."""

    def end(self, outcome: Outcome) -> None:
        """Write nothing: the last event has said it."""

    def close(self, states: Sequence[str], wanted: int) -> None:
        """Write nothing: each run has said how it ended."""


def invalid(error: WorkflowError) -> None:
    """Write that a file cannot run, and why, as a line of JSON."""
    _line({"event": "invalid", "file": error.source, **plain_problems(error)})


def plain_problems(error: WorkflowError) -> dict[str, object]:
    """What is wrong with a workflow as plain JSON data."""
    problems, warnings = ([plain_problem(one) for one in found] for found in (error.problems, error.warnings))
    return {"problems": problems, "warnings": warnings}


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
        "missing": problem.missing,
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
