"""Follows a link backwards to what feeds it: through reroutes, bypassed nodes, and the ends of sub-graphs.

The rules are the editor's own. A bypassed node hands on the input at the output's place where the types allow it, else
the first input of the wanted type, else the first that fits. A muted node feeds nothing.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

from ...errors import Problem, WorkflowError
from .document import ANYTHING, EditorLink, EditorNode, Slot
from .spreading import BYPASSED, MUTED, Layout, Placed, Scope, Stored
from .virtual import GETTER, PRIMITIVE, REROUTES, SETTER, VIRTUAL


@dataclass(frozen=True, slots=True)
class Origin:
    """An output of a node that runs."""

    node: Placed
    slot: int


@dataclass(frozen=True, slots=True)
class At:
    """A place on the way: an input (`incoming`) or an output of a node, and the type that is wanted there."""

    node: Placed
    slot: int
    wanted: str
    incoming: bool = True


Found: TypeAlias = Origin | Stored | None
"""What feeds an input: a node that runs, or a value that is kept elsewhere."""


class Tracer:
    """Answers what feeds an input.

    Args:
        layout: Every node of the file.
        installed: The kinds of nodes that packs declare; a pack may declare one that otherwise is the editor's own.
        source: Where the file came from, for messages.
    """

    def __init__(self, layout: Layout, installed: Container[str], source: str = "") -> None:
        self._layout = layout
        self._installed = installed
        self._source = source
        self._known: dict[Scope, dict[str, str]] = {}

    def is_virtual(self, node: EditorNode) -> bool:
        """Tell whether a node lives in the editor only."""
        return node.type in VIRTUAL and node.type not in self._installed

    def feeding(self, node: Placed, slot: int) -> Found:
        """Find what feeds an input.

        Args:
            node: The node.
            slot: The input's position.

        Returns:
            The output or the value that feeds it; None where nothing does.

        Raises:
            WorkflowError: The links run in a circle through nodes that do not run.
        """
        at: At | Found = At(node, slot, node.node.inputs[slot].type)
        seen: set[tuple[tuple[str, ...], int, bool]] = set()
        while isinstance(at, At):
            mark = at.node.key, at.slot, at.incoming
            if mark in seen:
                message = "the links that lead to it run in a circle."
                raise WorkflowError(
                    [Problem("cycle", message, node.id, node.node.title, node.node.type, node.node.inputs[slot].name)],
                    self._source,
                )
            seen.add(mark)
            at = self._before_input(at) if at.incoming else self._before_output(at)
        return at

    def _before_input(self, at: At) -> At | Found:
        slot = _at(at.node.node.inputs, at.slot)
        scope = at.node.scope
        link = scope.graph.links.get(slot.link) if slot is not None else None
        return self._behind(scope, link, at.wanted) if link is not None else None

    def _behind(self, scope: Scope, link: EditorLink, wanted: str) -> At | Found:
        """What stands at the other end of a link."""
        if scope.host is not None and link.origin == scope.graph.entry:
            return self._outside(scope, scope.host, link.origin_slot)
        origin = self._layout.nodes.get((*scope.path, link.origin))
        return At(origin, link.origin_slot, wanted, incoming=False) if origin is not None else None

    def _outside(self, scope: Scope, host: Placed, port: int) -> At | Found:
        """Leave a sub-graph by one of its ports; a port that is not linked has the value of its widget, if any."""
        slot = _at(scope.graph.ports_in, port)
        if slot is None:
            return None
        place = _same(host.node.inputs, slot, port)
        if place is not None and host.node.inputs[place].link in host.scope.graph.links:
            return At(host, place, host.node.inputs[place].type)
        return scope.ports.get(slot.name)

    def _before_output(self, at: At) -> At | Found:
        node = at.node.node
        if self.is_virtual(node):
            return self._through_virtual(at)
        if node.mode == MUTED:
            return None
        if node.mode == BYPASSED:
            place = bypass(node, at.slot, at.wanted)
            return At(at.node, place, node.inputs[place].type) if place is not None else None
        inside = self._layout.insides.get(at.node.key)
        if inside is not None:
            return self._into(inside, at)
        return Origin(at.node, at.slot)

    def _through_virtual(self, at: At) -> At | Found:
        node = at.node.node
        if node.type == PRIMITIVE:
            shown = at.node.scope.overrides.get(node.id, {}).get("value")
            if shown is not None:
                return shown
            first = node.values[0] if isinstance(node.values, list) and node.values else None
            return Stored(first, at.node, 0, "value") if first is not None else None
        if node.mode == MUTED:
            return None
        if node.type == GETTER:
            setter = self._setter(at.node)
            return At(setter, 0, at.wanted) if setter is not None else None
        return At(at.node, at.slot, at.wanted) if node.type in REROUTES else None

    def _setter(self, getter: Placed) -> Placed | None:
        """The node that sets the name which a getter reads: on its own canvas, or on one around it."""
        name = _first(getter.node)
        scope: Scope | None = getter.scope
        while scope is not None:
            id = self._setters(scope).get(str(name))
            if id is not None:
                return self._layout.nodes[(*scope.path, id)]
            scope = scope.host.scope if scope.host is not None else None
        return None

    def _setters(self, scope: Scope) -> dict[str, str]:
        """The nodes of a canvas that set a name, by that name."""
        if scope not in self._known:
            nodes = scope.graph.nodes.values()
            self._known[scope] = {str(_first(node)): node.id for node in nodes if node.type == SETTER}
        return self._known[scope]

    def _into(self, inside: Scope, at: At) -> At | Found:
        """Enter an instance of a sub-graph by one of its outputs."""
        outer = _at(at.node.node.outputs, at.slot)
        port = at.slot
        if outer is not None:
            same = _same(inside.graph.ports_out, outer, at.slot)
            port = same if same is not None else port
        link = inside.graph.leaving.get(port)
        return self._behind(inside, link, at.wanted) if link is not None else None


def bypass(node: EditorNode, slot: int, wanted: str) -> int | None:
    """Choose the input that a bypassed node hands on.

    Args:
        node: The node.
        slot: The position of the output that is asked for.
        wanted: The type that is wanted.

    Returns:
        The input's position, or None where none fits.
    """
    types = [input.type for input in node.inputs]
    if wanted in (ANYTHING, ""):
        return (slot if 0 <= slot < len(types) else 0) if types else None
    output = _at(node.outputs, slot)
    gives = output.type if output is not None else ANYTHING

    def fits(place: int) -> bool:
        return connects(types[place], gives) and connects(types[place], wanted)

    if 0 <= slot < len(types) and fits(slot):
        return slot
    exact = [place for place, type in enumerate(types) if type == wanted]
    return next(iter(exact or [place for place in range(len(types)) if fits(place)]), None)


def connects(first: str, second: str) -> bool:
    """Tell whether the editor links two types: alike but for case, one of several, or anything."""
    if first in (ANYTHING, "") or second in (ANYTHING, ""):
        return True
    sides = [{word or ANYTHING for word in type.lower().split(",")} for type in (first, second)]
    return bool(sides[0] & sides[1]) or any(ANYTHING in side for side in sides)


def _at(slots: tuple[Slot, ...], place: int) -> Slot | None:
    return slots[place] if 0 <= place < len(slots) else None


def _same(slots: tuple[Slot, ...], slot: Slot, place: int) -> int | None:
    """Find a slot among those on the other side: by name and type, by name; the own place goes first."""
    places = sorted(range(len(slots)), key=lambda other: other != place)
    same = [other for other in places if slots[other].name == slot.name]
    exact = [other for other in same if slots[other].type == slot.type]
    return next(iter(exact or same), None)


def _first(node: EditorNode) -> object:
    values = list(node.values.values()) if isinstance(node.values, dict) else node.values
    return values[0] if values else None
