"""Group nodes of older editors, read as the sub-graphs that newer editors make of them.

`extra.groupNodes` holds each group: its nodes by position, and links as `[source, slot, target, slot, ...]` between
those positions. An instance `workflow>NAME` shows every input that is not linked inside, first those without a widget,
and every widget, node by node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...declaration import Node
from ...workflow import NOTES
from .document import EditorNode, entries, fields, read_node
from .virtual import PRIMITIVE, REROUTES
from .widgets import CONTROL, is_control, widgets

PREFIXES = ("workflow>", "workflow/")
"""What the type of a group node begins with."""

Spot = tuple[int, int]


def ungrouped(document: Mapping[str, object], library: Mapping[str, Node]) -> Mapping[str, object]:
    """Give a document in which the groups that it uses are sub-graphs; one without groups stays as it is.

    Args:
        document: The document as JSON data.
        library: The declarations, which say which widgets the nodes of a group have.
    """
    groups = fields(fields(document.get("extra")).get("groupNodes"))
    nodes = list(entries(document.get("nodes")))
    used = {_name(node): fields(node) for node in reversed(nodes) if _name(node) in groups}
    if not used:
        return document
    made = {name: _Group.of(fields(groups[name])) for name in used}
    shown = {name: list(group.shown(library)) for name, group in made.items()}
    known = fields(document.get("definitions"))
    graphs = [made[name].definition(name, instance) for name, instance in used.items()]
    return {
        **document,
        "nodes": [_instance(fields(node), shown) if _name(node) in used else node for node in nodes],
        "definitions": {**known, "subgraphs": [*entries(known.get("subgraphs")), *graphs]},
    }


def _name(node: object) -> str:
    """The name of the group that a node stands for, or ""."""
    type = fields(node).get("type")
    return type[len(PREFIXES[0]) :] if isinstance(type, str) and type.startswith(PREFIXES) else ""


def _instance(node: Mapping[str, object], shown: Mapping[str, list[list[str]]]) -> dict[str, object]:
    name = _name(node)
    properties = {**fields(node.get("properties")), "proxyWidgets": shown[name]}
    return {**node, "type": PREFIXES[0] + name, "properties": properties}


@dataclass(frozen=True, slots=True)
class _Group:
    """One group: its nodes as the file has them and as they are read, its links by the input that each leads to.

    What leaves it although something inside takes it stands in `external`; what is shown or hidden, in `config`.
    """

    items: Sequence[object]
    nodes: Sequence[EditorNode]
    sources: Mapping[Spot, Spot]
    external: frozenset[Spot]
    config: Mapping[str, object]

    @classmethod
    def of(cls, data: Mapping[str, object]) -> _Group:
        items = list(entries(data.get("nodes")))
        nodes = [read_node({**fields(item), "id": place}) for place, item in enumerate(items)]
        links = [link for link in entries(data.get("links")) if isinstance(link, list) and _spots(link[:4])]
        external = [spot for spot in entries(data.get("external")) if isinstance(spot, list) and _spots(spot[:2])]
        return cls(
            items,
            [node if isinstance(node, EditorNode) else EditorNode(str(place), "") for place, node in enumerate(nodes)],
            {(link[2], link[3]): (link[0], link[1]) for link in links},
            frozenset((spot[0], spot[1]) for spot in external),
            fields(data.get("config")),
        )

    def shown(self, library: Mapping[str, Node]) -> Iterator[list[str]]:
        """The widgets of an instance in order: the node inside, and the name there."""
        for node in self.nodes:
            converted = {slot.widget for slot in node.inputs}
            for name, place in _places(node, library):
                if name in converted:
                    continue
                yield [node.id, name]
                following = (
                    node.values[place + 1] if isinstance(node.values, list) and place + 1 < len(node.values) else None
                )
                if is_control(following):
                    yield [node.id, CONTROL]

    def definition(self, name: str, instance: Mapping[str, object]) -> dict[str, object]:
        """Write the group as the definition of a sub-graph; its ports bear the names that an instance gives them."""
        inputs, outputs = [*self._free(widget=False), *self._free(widget=True)], list(self._leaving())
        entering = {spot: (-10, place) for place, spot in enumerate(inputs)}
        targets = {**self.sources, **entering, **{(-20, place): spot for place, spot in enumerate(outputs)}}
        links = [[number, *source, *target] for number, (target, source) in enumerate(targets.items())]
        numbers = {target: number for number, target in enumerate(targets)}
        return {
            "id": PREFIXES[0] + name,
            "name": name,
            "nodes": [self._item(place, numbers) for place in range(len(self.nodes))],
            "links": links,
            "inputs": _ports(instance.get("inputs"), len(inputs)),
            "outputs": _ports(instance.get("outputs"), len(outputs)),
        }

    def _item(self, place: int, numbers: Mapping[Spot, int]) -> dict[str, object]:
        """A node as the group has it, with the links that lead to it now."""
        item = fields(self.items[place])
        slots = [
            {**fields(slot), "link": numbers.get((place, at))} for at, slot in enumerate(entries(item.get("inputs")))
        ]
        return {**item, "id": place, "inputs": slots}

    def _free(self, widget: bool) -> Iterator[Spot]:
        """The inputs that nothing inside is linked to."""
        for place, node in self._real():
            for at, slot in enumerate(node.inputs):
                free = bool(slot.widget) == widget and (place, at) not in self.sources
                if free and self._visible(place, "input", slot.name, True):
                    yield place, at

    def _leaving(self) -> Iterator[Spot]:
        """The outputs that nothing inside takes, and those that something outside takes too."""
        taken = set(self.sources.values())
        for place, node in self._real():
            for at in range(len(node.outputs)):
                hidden = (place, at) in taken and (place, at) not in self.external
                if self._visible(place, "output", str(at), not hidden):
                    yield place, at

    def _real(self) -> Iterator[tuple[int, EditorNode]]:
        """The nodes that an instance shows something of: no notes, and no reroutes in the middle."""
        fed = {place for place, _ in self.sources}
        feeding = {place for place, _ in self.sources.values()}
        for place, node in enumerate(self.nodes):
            inner = node.type in REROUTES and place in fed and place in feeding and (place, 0) not in self.external
            if node.type not in NOTES and not inner:
                yield place, node

    def _visible(self, place: int, side: str, name: str, otherwise: bool) -> bool:
        told = fields(fields(fields(self.config.get(str(place))).get(side)).get(name)).get("visible")
        return told if isinstance(told, bool) else otherwise


def _places(node: EditorNode, library: Mapping[str, Node]) -> Iterable[tuple[str, int]]:
    """The widgets of a node inside a group, with their places among its values."""
    if node.type == PRIMITIVE:
        return [("value", 0)] if node.values else []
    found = widgets(node, library.get(node.type))
    return [(widget.name, widget.place) for widget in found if isinstance(widget.place, int)]


def _ports(slots: object, count: int) -> list[dict[str, object]]:
    found = [fields(slot) for slot in entries(slots)][:count]
    ports = [{"name": slot.get("name"), "type": slot.get("type")} for slot in found]
    return ports + [{"name": f"port {place}", "type": "*"} for place in range(len(ports), count)]


def _spots(numbers: Sequence[object]) -> bool:
    return len(numbers) in (2, 4) and all(isinstance(one, int) and not isinstance(one, bool) for one in numbers)
