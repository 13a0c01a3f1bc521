"""The editor's own document, read into plain nodes and links.

Two spellings exist. Version 0.4 writes a link as `[id, origin, slot, target, slot, type]`, version 1 as an object with
those names; both stand beside each other in one file where sub-graphs do, since `definitions.subgraphs` always has
objects. Reroute points of version 1 bend a link and connect nothing, so they are no part of what is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...errors import Problem, quoted

ANYTHING = "*"


@dataclass(frozen=True, slots=True)
class Slot:
    """One input or output of a node on the canvas.

    Attributes:
        name: Its name.
        type: The word of its type; several with commas between them, or "*".
        link: The id of the link that comes in, or "".
        widget: The name of the widget that it stands for, or "".
    """

    name: str
    type: str = ANYTHING
    link: str = ""
    widget: str = ""


@dataclass(frozen=True, slots=True)
class EditorNode:
    """One node on the canvas.

    Attributes:
        id: Its id in its graph.
        type: The kind of node, or the id of the sub-graph that it stands for.
        title: The title that the user gave it, or "".
        mode: 0 to run always, 2 muted, 4 bypassed.
        inputs: Its inputs in order.
        outputs: Its outputs in order.
        values: The values of its widgets: by position, or by name.
        named: The values of its widgets by name, where the file has both.
        properties: What the editor keeps with it.
    """

    id: str
    type: str
    title: str = ""
    mode: int = 0
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    values: list[object] | dict[str, object] = field(default_factory=list)
    named: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditorLink:
    """A link between two nodes of one graph; the ends of a sub-graph are nodes too."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True)
class EditorGraph:
    """The nodes of one canvas: the whole file's, or a sub-graph's.

    Attributes:
        nodes: The nodes by id.
        links: The links by id.
        name: The sub-graph's name.
        ports_in: What comes into the sub-graph.
        ports_out: What goes out of it.
        entry: The id of the node whose outputs are `ports_in`.
        exit: The id of the node whose inputs are `ports_out`.
    """

    nodes: Mapping[str, EditorNode]
    links: Mapping[str, EditorLink]
    name: str = ""
    ports_in: tuple[Slot, ...] = ()
    ports_out: tuple[Slot, ...] = ()
    entry: str = "-10"
    exit: str = "-20"

    @cached_property
    def leaving(self) -> Mapping[int, EditorLink]:
        """The link into each of `ports_out`, by its place."""
        return {link.target_slot: link for link in self.links.values() if link.target == self.exit}


@dataclass(frozen=True, slots=True)
class EditorFile:
    """A whole document.

    Attributes:
        graph: The outermost canvas.
        definitions: The sub-graphs by id.
        problems: The nodes, links and sub-graphs that are none.
    """

    graph: EditorGraph
    definitions: Mapping[str, EditorGraph] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def is_editor_document(data: object) -> bool:
    """Tell whether JSON data is a document of the editor: it holds a list of nodes."""
    return isinstance(data, dict) and isinstance(data.get("nodes"), list)


def read_document(data: Mapping[str, object]) -> EditorFile:
    """Read a document as JSON data; what is malformed in it hides nothing else."""
    problems: list[Problem] = []
    graph = _graph(data, "", problems)
    definitions: dict[str, EditorGraph] = {}
    for place, item in enumerate(entries(fields(data.get("definitions")).get("subgraphs"))):
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            definitions[item["id"]] = _graph(
                item, f"in the sub-graph {quoted(item.get('name') or item['id'])}, ", problems
            )
        else:
            problems.append(Problem("unreadable", f"sub-graph {place} is {quoted(item)}, needs an object with an id."))
    return EditorFile(graph, definitions, tuple(problems))


def _graph(data: Mapping[str, object], where: str, problems: list[Problem]) -> EditorGraph:
    nodes: dict[str, EditorNode] = {}
    for place, item in enumerate(entries(data.get("nodes"))):
        node = read_node(item)
        if isinstance(node, str):
            problems.append(Problem("malformed_node", f"{where}the node at place {place} {node}"))
        elif node.id in nodes:
            problems.append(Problem("malformed_node", f"{where}the id {quoted(node.id)} stands there twice."))
        else:
            nodes[node.id] = node
    links: dict[str, EditorLink] = {}
    for item in entries(data.get("links")):
        found = _link(item)
        if found is None and item is not None:
            problems.append(
                Problem("bad_link", f"{where}found the link {quoted(item)}, needs two nodes and their slots.")
            )
        elif found is not None:
            links[found[0]] = found[1]
    return EditorGraph(
        nodes,
        links,
        _text(data.get("name")),
        _slots(data.get("inputs")),
        _slots(data.get("outputs")),
        _id(fields(data.get("inputNode")).get("id"), "-10"),
        _id(fields(data.get("outputNode")).get("id"), "-20"),
    )


def read_node(item: object) -> EditorNode | str:
    """Read a node, or say what is wrong with it."""
    if not isinstance(item, dict):
        return f"is {quoted(item)}, needs an object with an id and a type."
    id, type, mode = _id(item.get("id")), item.get("type"), item.get("mode")
    if not id:
        return f"has the id {quoted(item.get('id'))}, needs a number or a text."
    if not isinstance(type, str) or not type:
        return f"(id {quoted(id)}) has the type {quoted(type)}, needs the name of a kind of node."
    values = item.get("widgets_values")
    return EditorNode(
        id,
        type,
        _text(item.get("title")),
        mode if isinstance(mode, int) else 0,
        _slots(item.get("inputs")),
        _slots(item.get("outputs")),
        values if isinstance(values, list | dict) else [],
        fields(item.get("widgets_values_named")),
        fields(item.get("properties")),
    )


def _slots(items: object) -> tuple[Slot, ...]:
    return tuple(_slot(item) for item in entries(items))


def _slot(item: object) -> Slot:
    """Read a slot; what is wrong with one shows as a link or a value that is missing."""
    data = fields(item)
    type = data.get("type")
    if isinstance(type, list):
        type = "COMBO"  # older editors write the choices themselves
    widget = fields(data.get("widget")).get("name")
    return Slot(
        _text(data.get("name")),
        type if isinstance(type, str) and type else ANYTHING,
        _id(data.get("link")),
        _text(widget),
    )


def _link(item: object) -> tuple[str, EditorLink] | None:
    if isinstance(item, list):
        parts = item[:5]
    else:
        data = fields(item)
        parts = [data.get(name) for name in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
    if len(parts) < 5:
        return None
    id, origin, origin_slot, target, target_slot = parts
    if not (_id(id) and _id(origin) and _id(target)) or not (_is_slot(origin_slot) and _is_slot(target_slot)):
        return None
    return _id(id), EditorLink(_id(origin), int(origin_slot), _id(target), int(target_slot))


def _is_slot(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _id(value: object, otherwise: str = "") -> str:
    """Ids are numbers or texts; both are compared as text."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return otherwise
    return str(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def fields(value: object) -> Mapping[str, object]:
    """What a JSON object holds; nothing where the value is none."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> Iterable[object]:
    """What a JSON list holds, or an object in its place; nothing where the value is neither."""
    return value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
