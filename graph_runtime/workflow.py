"""A workflow: nodes as a file says them, and the words beside them; nothing in it is checked against a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import Problem, WorkflowError, shown
from .step import Link

NOTES = frozenset({"Note", "MarkdownNote"})
"""The kinds of notes: plain text, and Markdown."""


@dataclass(frozen=True, slots=True)
class Note:
    """Words for people beside the nodes.

    Attributes:
        title: Its heading; that of the first note is the workflow's.
        text: What it says.
        kind: One of `NOTES`.
    """

    title: str
    text: str
    kind: str = "MarkdownNote"


@dataclass(frozen=True, slots=True)
class NodeCall:
    """One node of a workflow, as the file says it; nothing about it is checked against a library.

    Attributes:
        class_type: The kind of node.
        inputs: A literal as JSON gives it, or a link, by the name of the input.
        title: The title that the user gave it.
        pack: The pack that has the kind of node, as the file says it: a registry's name for it, or owner/repository.
        display: The node at which its progress is shown, where it is part of a sub-graph and that is not its parent.
    """

    class_type: str
    inputs: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    pack: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file that a workflow names can be had, as the workflow says.

    Attributes:
        name: The file's name.
        url: Its address.
        kind: The kind of models that it belongs to, such as "loras"; or "".
        digest: The digest of its content, or "".
        algorithm: The digest's algorithm, such as "SHA256".
    """

    name: str
    url: str = ""
    kind: str = ""
    digest: str = ""
    algorithm: str = ""

    def __str__(self) -> str:
        digest = f" ({shown(self.algorithm, 20)} {shown(self.digest, 140)})" if self.digest else ""
        kind = f", for the folder {shown(self.kind)}" if self.kind else ""
        return f"{shown(self.url, 400) or 'a file'}{digest}{kind}"


@dataclass(frozen=True, slots=True)
class Workflow:
    """The nodes of a workflow by id, in the order of the file.

    Attributes:
        nodes: The nodes by id.
        source: Where it came from, for messages.
        document: The editor's own document, where the workflow came with one.
        problems: What is malformed; a node with such a problem is placed if it names an input that has a value.
        origins: Where files that it names can be had.
        notes: Words for people by id, in the order of the file.
    """

    nodes: Mapping[str, NodeCall]
    source: str = ""
    document: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    origins: tuple[Origin, ...] = ()
    notes: Mapping[str, Note] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title: that of the first note, or ""."""
        return next((note.title for note in self.notes.values()), "")

    def origin_of(self, name: str) -> str:
        """Say where the file of a name can be had, as the workflow says; "" where it says nothing."""
        bare = _bare(name)
        found = dict.fromkeys(str(origin) for origin in self.origins if _bare(origin.name) == bare)
        return f"The workflow has it from {' or '.join(found)}." if found else ""

    def sound(self) -> Workflow:
        """Give the workflow itself, where nothing in it is malformed.

        Raises:
            WorkflowError: Something is.
        """
        if self.problems:
            raise WorkflowError(self.problems, self.source)
        return self

    def to_json(self, notes: bool = False) -> dict[str, object]:
        """Write the workflow as plain JSON data in the API format.

        Args:
            notes: Whether its notes are written too; other programs refuse them, since no such node can run.
        """
        words = {name: _note_json(note) for name, note in self.notes.items()} if notes else {}
        return {**words, **{name: _call_json(call) for name, call in self.nodes.items()}}


def _call_json(call: NodeCall) -> dict[str, object]:
    return {
        "class_type": call.class_type,
        "inputs": {key: _plain(value) for key, value in call.inputs.items()},
        **({"_meta": meta} if (meta := _meta(call)) else {}),
    }


def _note_json(note: Note) -> dict[str, object]:
    return {"class_type": note.kind, "inputs": {"text": note.text}, "_meta": {"title": note.title}}


def _meta(call: NodeCall) -> dict[str, object]:
    key = "aux_id" if "/" in call.pack else "cnr_id"
    return {**({"title": call.title} if call.title else {}), **({key: call.pack} if call.pack else {})}


def _plain(value: object) -> object:
    return [value.node, value.output] if isinstance(value, Link) else value


def _bare(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].casefold()
