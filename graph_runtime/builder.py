"""Builds workflows in Python: for embedding programs, and for nodes that expand into a sub-graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .declaration import MISSING, Mark, is_node
from .errors import DeclarationError
from .step import Link
from .workflow import NodeCall, Note, Workflow


@dataclass(frozen=True, slots=True)
class Given:
    """A Python value that stands on an input as it is, where no JSON could.

    Attributes:
        value: The value.
        name: What tells it from every other value, where that is known; its key otherwise comes from its content.
    """

    value: object
    name: str = ""


@dataclass(frozen=True, slots=True)
class Handle:
    """A node that was added: its first output, and by `handle["name"]` or `handle[1]` the others."""

    node: str
    output: int | str = 0

    def __getitem__(self, output: int | str) -> Handle:
        return Handle(self.node, output)


class Builder:
    """Collects nodes one by one.

    Args:
        nodes: The nodes to begin with, by id.

    Example:
        builder = Builder()
        photo = builder.add("LoadImage", image="coffee.png")
        edges = builder.add(canny_edges, image=photo, low=80)
        builder.add("SaveImage", images=edges)
        workflow = builder.workflow()
    """

    def __init__(self, nodes: Mapping[str, NodeCall] | None = None) -> None:
        self._nodes: dict[str, NodeCall] = dict(nodes or {})
        self._notes: dict[str, Note] = {}

    def add(self, kind: str | Callable[..., object], /, *, title: str = "", id: str = "", **inputs: object) -> Handle:
        """Add a node.

        Args:
            kind: The node's id, or the decorated function.
            title: Its title for people.
            id: Its id in the workflow; the next free number when left out.
            inputs: Handles of other nodes, links, or values.

        Returns:
            A handle of its outputs.

        Raises:
            DeclarationError: The function is no node, or the id is taken.
        """
        if not isinstance(kind, str) and not is_node(kind):
            raise DeclarationError(f"{kind!r} is no node: decorate it with @node.")
        class_type = kind if isinstance(kind, str) else _mark(kind).id
        id = id or str(len(self._nodes) + len(self._notes) + 1)
        if id in self._nodes or id in self._notes:
            raise DeclarationError(f"the id {id} is taken.")
        given = {name: _input(value) for name, value in inputs.items() if value is not MISSING}
        self._nodes[id] = NodeCall(class_type, given, title)
        return Handle(id)

    def note(self, title: str, text: str) -> None:
        """Add words for people, in Markdown; the title of the first note is the workflow's."""
        self._notes[str(len(self._nodes) + len(self._notes) + 1)] = Note(title, text)

    def workflow(self) -> Workflow:
        """Give what was collected."""
        return Workflow(dict(self._nodes), notes=dict(self._notes))


def _mark(function: Callable[..., object]) -> Mark:
    return function.__node__  # type: ignore[attr-defined,no-any-return]


def _input(value: object) -> object:
    if isinstance(value, Handle):
        return Link(value.node, value.output)
    plain = value is None or isinstance(value, Link | Given | str | int | float | bool)
    return value if plain else Given(value)
