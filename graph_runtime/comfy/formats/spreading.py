"""Lays the nodes of all sub-graphs out side by side: each instance of a sub-graph brings nodes of its own.

A node inside the instance 5 gets the id `5:12`, and inside an instance within it `5:12:3`, as the editor names them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...errors import Problem, WorkflowError, quoted
from .document import EditorFile, EditorGraph, EditorNode
from .widgets import CONTROL

MUTED, BYPASSED = 2, 4
"""The modes of a node that does not run."""

DEPTH_LIMIT = 64
NODE_LIMIT = 100_000


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """One canvas as it stands in the whole: the outermost, or the inside of one instance of a sub-graph.

    Attributes:
        graph: Its nodes and links.
        path: The ids of the instances on the way to it.
        host: The instance that it is the inside of, or None.
        inside: The ids of the sub-graphs that it stands in.
        ports: The values of the widgets that the instance shows for its ports, by the port's name.
        overrides: The values of inner widgets that the instance shows itself: by node, then by the widget's name.
    """

    graph: EditorGraph
    path: tuple[str, ...] = ()
    host: Placed | None = None
    inside: frozenset[str] = frozenset()
    ports: Mapping[str, Stored] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Stored]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Placed:
    """One node in one scope."""

    node: EditorNode
    scope: Scope

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from every other node."""
        return (*self.scope.path, self.node.id)

    @property
    def id(self) -> str:
        """Its id in the workflow."""
        return ":".join(self.key)


@dataclass(frozen=True, slots=True)
class Stored:
    """A value as the file keeps it.

    Attributes:
        value: The value.
        owner: The node that keeps it.
        place: Its position among that node's values, or its name where they stand by name.
        name: The name of the widget that shows it there.
    """

    value: object
    owner: Placed
    place: int | str
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Every node of a file.

    Attributes:
        nodes: The nodes by key, instances of sub-graphs included.
        insides: The inside of each instance that runs, by the instance's key.
    """

    nodes: Mapping[tuple[str, ...], Placed]
    insides: Mapping[tuple[str, ...], Scope]


def spread_out(file: EditorFile, source: str = "") -> Layout:
    """Lay out every node of a file, those in sub-graphs too.

    Raises:
        WorkflowError: A sub-graph holds itself, or there are too many nodes.
    """
    nodes: dict[tuple[str, ...], Placed] = {}
    insides: dict[tuple[str, ...], Scope] = {}
    pending = deque([Scope(file.graph)])
    while pending:
        scope = pending.popleft()
        for node in scope.graph.nodes.values():
            placed = Placed(node, scope)
            nodes[placed.key] = placed
            if node.type in file.definitions and node.mode not in (MUTED, BYPASSED):
                insides[placed.key] = _inside(placed, file.definitions[node.type], source)
                pending.append(insides[placed.key])
        if len(nodes) > NODE_LIMIT:
            message = f"its sub-graphs come to more than {NODE_LIMIT} nodes, needs fewer."
            raise WorkflowError([Problem("unreadable", message)], source)
    return Layout(nodes, insides)


def _inside(placed: Placed, graph: EditorGraph, source: str) -> Scope:
    node, scope = placed.node, placed.scope
    if node.type in scope.inside:
        message = f"the sub-graph {quoted(graph.name or node.type)} holds itself, so it has no end."
        raise WorkflowError([Problem("cycle", message, placed.id, node.title)], source)
    if len(scope.path) >= DEPTH_LIMIT:
        message = f"sub-graphs stand more than {DEPTH_LIMIT} deep in each other, needs a flatter workflow."
        raise WorkflowError([Problem("unreadable", message)], source)
    ports, overrides = _promoted(placed, graph)
    return Scope(graph, placed.key, placed, scope.inside | {node.type}, ports, overrides)


def _promoted(placed: Placed, graph: EditorGraph) -> tuple[dict[str, Stored], dict[str, dict[str, Stored]]]:
    """The values that an instance keeps for widgets of its inside: those of its ports, and those it merely shows."""
    ports: dict[str, Stored] = {}
    overrides: dict[str, dict[str, Stored]] = {}
    names = [graph.ports_in[place].name for place in widget_ports(graph)]
    for inner, name, place, value in _shown_values(placed.node, names):
        if value is None or name == CONTROL:
            continue
        kept = ports if inner == "-1" else overrides.setdefault(inner, {})
        kept[name] = Stored(value, placed, place, name)
    return {**ports, **placed.scope.overrides.get(placed.node.id, {})}, overrides


def widget_ports(graph: EditorGraph) -> Iterator[int]:
    """The places of the ports that lead to a widget."""
    leading = {
        link.origin_slot
        for link in graph.links.values()
        if link.origin == graph.entry and _is_widget(graph, link.target, link.target_slot)
    }
    return (place for place in range(len(graph.ports_in)) if place in leading)


def _is_widget(graph: EditorGraph, node: str, slot: int) -> bool:
    target = graph.nodes.get(node)
    return target is not None and 0 <= slot < len(target.inputs) and bool(target.inputs[slot].widget)


def _shown_values(node: EditorNode, names: list[str]) -> Iterator[tuple[str, str, int | str, object]]:
    """The values that an instance shows: the inner node ("-1" for a port), the widget, the place, the value."""
    if isinstance(node.values, dict):
        yield from (("-1", name, name, value) for name, value in node.values.items())
        return
    listed = proxies(node) or [("-1", name) for name in names]
    for place, ((inner, name), value) in enumerate(zip(listed, node.values, strict=False)):
        yield inner, name, place, value


def proxies(node: EditorNode) -> list[tuple[str, str]]:
    """The inner widgets that an instance lists as its own: the inner node's id, and the widget's name."""
    listed = node.properties.get("proxyWidgets")
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except (ValueError, RecursionError):
            return []
    items = listed if isinstance(listed, list) else []
    return [(str(item[0]), str(item[1])) for item in items if isinstance(item, list) and len(item) >= 2]
