"""The widgets of a node: which inputs have one, and which of the saved values belongs to which.

A file lists the values of a node's widgets in their order. Two things stand between the position and the name: the
editor puts a widget of its own behind a seed, which says how the seed changes after a run, and a file may come from
another version of the node. Newer editors also list each widget among the inputs, so the file itself knows its order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_origin

from ...declaration import Input, Node
from ...literals import takes_literals
from ...sockets import Kind
from .document import EditorNode

CONTROL = "control_after_generate"
"""The name of the widget that says how a seed changes after a run."""

CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})
"""What that widget may say."""

SEEDS = frozenset({"seed", "noise_seed"})
"""Inputs behind which the editor puts that widget whatever the node declares."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A saved value that belongs to an input.

    Attributes:
        name: The input's name.
        place: Its position among the saved values, or its name where they stand by name.
        value: The value.
    """

    name: str
    place: int | str
    value: object


def has_widget(input: Input) -> bool:
    """Tell whether the editor shows an input as a widget: its values can be written down, and it is one value."""
    return (
        takes_literals(input.socket)
        and not input.socket.is_list
        and input.socket.type not in (object, dict)
        and not isinstance(input.socket.type, Kind)
        and get_origin(input.socket.type) is not dict
    )


def has_control(input: Input) -> bool:
    """Tell whether the editor puts a widget behind an input that says how it changes after a run."""
    return input.socket.fresh or input.name in SEEDS


def widgets(item: EditorNode, node: Node | None) -> list[Widget]:
    """Find out which saved value belongs to which input.

    Args:
        item: The node as the file has it.
        node: Its declaration, or None where its pack is not installed.

    Returns:
        One widget for each value that belongs to an input; values of the editor's own are left out.
    """
    if node is not None:
        node = node.widened(_listed(item))
    if isinstance(item.values, dict):
        found = [Widget(name, name, value) for name, value in item.values.items()]
    else:
        names = _order(item, node)
        fresh = {input.name for input in node.inputs.values() if has_control(input)} if node is not None else set()
        found = _placed(item.values, names, fresh | SEEDS)
    if node is None:
        return [widget for widget in found if widget.name != CONTROL]
    return [widget for widget in found if _counts(widget, node)]


def wrapped(value: object) -> object:
    """Write a list so that it is no link, as the API format does."""
    return {"__value__": value} if isinstance(value, list) else value


def unwrapped(value: object) -> object:
    """Write a value as a widget holds it."""
    if isinstance(value, Mapping) and value.keys() == {"__value__"} and isinstance(value["__value__"], list):
        return value["__value__"]
    return value


def _listed(item: EditorNode) -> dict[str, object]:
    """What the file itself says of values by name: some inputs come with the choice that another one holds."""
    if isinstance(item.values, dict):
        return item.values
    names = [slot.widget for slot in item.inputs if slot.widget]
    return {widget.name: widget.value for widget in _placed(item.values, names, set(SEEDS))}


def _counts(widget: Widget, node: Node) -> bool:
    """A value counts where the node declares the input, and null only where the input may be empty."""
    input = node.inputs.get(widget.name)
    return input is not None and (widget.value is not None or input.socket.optional)


def _order(item: EditorNode, node: Node | None) -> list[str]:
    """The names of the widgets in the order of the saved values."""
    listed = [slot.widget for slot in item.inputs if slot.widget]
    if node is None:
        return listed
    declared = [input.name for input in node.inputs.values() if has_widget(input)]
    return listed if set(declared) <= set(listed) else declared


def _placed(values: Sequence[object], names: Sequence[str], fresh: set[str]) -> list[Widget]:
    """Go along the values and the names side by side, past the editor's own values."""
    found: list[Widget] = []
    place = 0
    for name in names:
        if place >= len(values):
            break
        found.append(Widget(name, place, values[place]))
        place += 1
        spare = len(values) - place - (len(names) - len(found))
        following = values[place] if place < len(values) else None
        old = isinstance(following, bool) and name in fresh and spare > 0  # once it was a switch: random or fixed
        if old or (is_control(following) and (name in fresh or spare > 0)):
            place += 2 if isinstance(values[place - 1], str) and spare > 1 else 1
    return found


def is_control(value: object) -> bool:
    """Tell whether a saved value looks like that of the editor's own widget behind a seed."""
    return isinstance(value, str) and value in CONTROL_WORDS
