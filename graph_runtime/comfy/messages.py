"""What a running job tells its client: the engine's events in the words of ComfyUI's WebSocket protocol.

Progress is told in batches: each `progress_state` holds the nodes that run and those that changed since the last one.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..errors import Problem, shown
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
from ..injected import Folders, Preview
from ..plan import upstream
from ..step import Step
from .showing import output_of

Data: TypeAlias = dict[str, object]

TRACE_LINES = 200
FAILURES = 20
"""How many failures of one job are told; each carries what ran before it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text frame: what happened, and the facts of it; one that is `passing` may be left out for a slow reader."""

    type: str
    data: Data
    passing: bool = False

    def frame(self) -> str:
        """Write it as JSON."""
        return json.dumps({"type": self.type, "data": self.data}, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Picture:
    """A binary frame with a preview of the work of a node."""

    about: Data
    preview: Preview

    def frame(self, with_metadata: bool) -> bytes:
        """Write it as binary message 4, or as the older 1 that does not say which node it is of."""
        if not with_metadata:
            return struct.pack(">II", 1, 2 if self.preview.format == "image/png" else 1) + self.preview.data
        about = json.dumps({**self.about, "image_type": self.preview.format}).encode()
        return struct.pack(">II", 4, len(about)) + about + self.preview.data


@dataclass(frozen=True, slots=True)
class Words:
    """A binary frame with a line that a node says."""

    job: str
    node: str
    text: str

    def frame(self, with_job: bool) -> bytes:
        """Write it as binary message 3; newer clients are told which job it is of."""
        names = (self.job, self.node) if with_job else (self.node,)
        coded = [name.encode("utf-8", "replace") for name in names]
        parts = [struct.pack(">I", len(name)) + name for name in coded]
        return struct.pack(">I", 3) + b"".join(parts) + self.text.encode("utf-8", "replace")


Outgoing: TypeAlias = Message | Picture | Words


def now() -> int:
    """The time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass
class Narration:
    """Tells one job, event by event, and gathers what the history keeps of it.

    Attributes:
        job: Its id.
        steps: What runs, by id.
        folders: Where shown files lie.
        outputs: What its nodes showed, by node.
        meta: Where each output belongs in the editor, by node.
        log: The messages that the history keeps.
        failures: What failed, in order.
    """

    job: str
    folders: Folders
    steps: Mapping[str, Step] = field(default_factory=dict)
    outputs: dict[str, Data] = field(default_factory=dict)
    meta: dict[str, Data] = field(default_factory=dict)
    log: list[Message] = field(default_factory=list)
    failures: list[NodeFailed] = field(default_factory=list)
    _parents: dict[str, str] = field(default_factory=dict)
    _displays: dict[str, str] = field(default_factory=dict)
    _running: dict[str, tuple[int, int]] = field(default_factory=dict)
    _changed: dict[str, Data] = field(default_factory=dict)
    _previews: dict[str, Preview] = field(default_factory=dict)
    _executed: list[str] = field(default_factory=list)
    _latest: str = ""

    def tell(self, event: Event) -> list[Outgoing]:
        """Take an event; give what is told at once."""
        match event:
            case RunStarted():
                kept = list(upstream(self.steps, event.reused))
                return [self.logged("execution_cached", {"nodes": kept})]
            case NodeStarted():
                return [self._started(event.node)]
            case NodeProgressed():
                self._progressed(event)
            case NodeSaid():
                return [Words(self.job, self._shown_at(event.node), event.text)]
            case NodeShowed():
                return [self._showed(event)]
            case NodeExpanded():
                self._parents.update(dict.fromkeys(event.nodes, event.node))
                self._displays.update(event.displays)
            case NodeFinished():
                if not event.reused:
                    self._executed.append(event.node)
                    self._left(event.node, "finished")
            case NodeFailed():
                self.failures.append(event)
                self._left(event.node, "error")
            case NodeSkipped():
                self._left(event.node, "finished")
        return []

    def logged(self, type: str, data: Data) -> Message:
        """Make a message that the history keeps; it bears the job and the time."""
        message = Message(type, {**data, "prompt_id": self.job, "timestamp": now()})
        self.log.append(message)
        return message

    def progress(self) -> list[Outgoing]:
        """Give what changed in the progress since this was last asked."""
        if not self._changed and not self._previews:
            return []
        changed, self._changed = self._changed, {}
        previews, self._previews = self._previews, {}
        found: list[Outgoing] = [
            Message("progress", self._counted(id), passing=True) for id in changed if id in self._running
        ]
        found.append(self._state(changed))
        found += [Picture(self._place(id), preview) for id, preview in previews.items()]
        return found

    def snapshot(self) -> list[Outgoing]:
        """Give what a client needs that comes in the middle of the run."""
        running = list(self._running)
        return [*(self._executing(id) for id in running), self._state({})] if running else []

    def failed(self) -> Iterator[Message]:
        """Tell what failed: the first failure last, since editors show the last one told."""
        for failure in reversed(self.failures[:FAILURES]):
            yield self.logged("execution_error", self._error(failure))

    def interrupted(self) -> Message:
        """Tell that the job was cancelled."""
        return self.logged("execution_interrupted", self._whereabouts(next(iter(self._running), self._latest)))

    def _started(self, id: str) -> Message:
        self._latest = id
        self._running[id] = 0, 1
        self._changed[id] = {}
        return self._executing(id)

    def _executing(self, id: str) -> Message:
        return Message("executing", {"node": id, "display_node": self._shown_at(id), "prompt_id": self.job})

    def _progressed(self, event: NodeProgressed) -> None:
        if event.node not in self._running:
            return
        self._running[event.node] = event.done, max(event.total, event.done, 1)
        self._changed[event.node] = {}
        if event.preview is not None:
            self._previews[event.node] = event.preview

    def _left(self, id: str, state: Literal["finished", "error"]) -> None:
        """Note that a node runs no more."""
        done, total = self._running.pop(id, (0, 0))
        self._previews.pop(id, None)
        if total or state == "error":
            value = done if state == "error" else total
            self._changed[id] = {"value": value, "max": total or 1, "state": state, **self._place(id)}

    def _state(self, changed: Mapping[str, Data]) -> Message:
        gone = {id: data for id, data in changed.items() if data and id not in self._running}
        running = {
            id: {"value": done, "max": total, "state": "running", **self._place(id)}
            for id, (done, total) in list(self._running.items())
        }
        return Message("progress_state", {"prompt_id": self.job, "nodes": gone | running}, passing=True)

    def _counted(self, id: str) -> Data:
        done, total = self._running[id]
        return {"value": done, "max": total, "prompt_id": self.job, "node": id}

    def _place(self, id: str) -> Data:
        return {
            "node_id": id,
            "prompt_id": self.job,
            "display_node_id": self._shown_at(id),
            "parent_node_id": self._parents.get(id),
            "real_node_id": self._real(id),
        }

    def _shown_at(self, id: str) -> str:
        """The node at which the editor shows a node: the one in whose place it runs, unless the pack named another."""
        while id not in self._displays and id in self._parents:
            id = self._parents[id]
        return self._displays.get(id, id)

    def _real(self, id: str) -> str:
        """The node of the workflow in whose place a node runs."""
        while id in self._parents:
            id = self._parents[id]
        return id

    def _showed(self, event: NodeShowed) -> Message:
        id, shown_at = event.node, self._shown_at(event.node)
        self.outputs[id] = output_of(event.shown, self.folders)
        self.meta[id] = {
            "node_id": id,
            "display_node": shown_at,
            "parent_node": self._parents.get(id),
            "real_node_id": shown_at,
        }
        return Message(
            "executed", {"node": id, "display_node": shown_at, "output": self.outputs[id], "prompt_id": self.job}
        )

    def _whereabouts(self, id: str) -> Data:
        shown_at = self._shown_at(id)
        step = self.steps.get(shown_at)
        node_type = step.node.id if step is not None else ""
        return {"node_id": shown_at, "node_type": node_type, "executed": list(self._executed)}

    def _error(self, failure: NodeFailed) -> Data:
        step = self.steps.get(self._shown_at(failure.node))
        inputs: Data = {}
        if step is not None:
            inputs = {name: [shown(value)] for name, value in step.values.items()}
            inputs |= {name: [f"output {wire.output} of node {wire.node}"] for name, wire in step.wires.items()}
        place = self._whereabouts(failure.node)
        place["node_type"] = place["node_type"] or failure.problem.class_type
        return {**place, **raised(failure.problem, failure.trace), "current_inputs": inputs}


def raised(problem: Problem, trace: str = "") -> Data:
    """Tell a problem as an exception."""
    kind, colon, said = problem.message.partition(": ")
    foreseen = problem.kind != "failed"
    hint = f" Did you mean {problem.nearest}?" if problem.nearest else ""
    place = f"{problem.input}: " if problem.input else ""
    return {
        "exception_type": "NodeError" if foreseen else kind,
        "exception_message": f"{place}{problem.message}{hint}" if foreseen else (said if colon else kind),
        "traceback": trace.splitlines(keepends=True)[-TRACE_LINES:],
        "current_outputs": [],
    }
