"""What stands in the box of each node: its head, its sockets, its values."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NewType, Union, get_args, get_origin

from ..declaration import MISSING, Input, Node
from ..errors import shown
from ..library import Library
from ..sockets import Socket, describe
from ..step import Link
from ..workflow import NodeCall, Workflow
from . import letters

HEAD = 30.0
ROW = 22.0
PAD = 9.0
LINE = 16.0
SIZE = 12.0
TITLE = 13.0
NARROWEST, WIDEST = 150.0, 300.0
_TEXT_LINES = 4


@dataclass(frozen=True, slots=True)
class Port:
    """One socket: its name, the name of its type, whether something is linked to it, whether that is a fault."""

    name: str
    type: str
    linked: bool = True
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One value: what is set, or what holds by default; several lines for a long text."""

    name: str
    lines: tuple[str, ...]
    default: bool = False
    fault: bool = False
    block: bool = False

    @property
    def height(self) -> float:
        """How high its row is."""
        return ROW + len(self.lines) * LINE + 4 if self.block else ROW + 2


@dataclass(frozen=True)
class Box:
    """The box of one node.

    Attributes:
        id: The node's id.
        title: What stands in its head.
        category: Where it stands in menus; gives the colour of the head.
        inputs: The sockets on the left.
        outputs: The sockets on the right.
        fields: The values below them.
        fault: Whether something about the node itself is wrong.
    """

    id: str
    title: str
    category: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    fields: tuple[Field, ...]
    fault: bool = False

    @cached_property
    def width(self) -> float:
        """How wide it is."""
        rows = [letters.width(self.title, TITLE) + letters.width(f"#{self.id}", 11) + 40]
        for place in range(max(len(self.inputs), len(self.outputs))):
            names = [ports[place].name for ports in (self.inputs, self.outputs) if place < len(ports)]
            rows.append(sum(letters.width(name, SIZE) for name in names) + 52)
        rows += [
            letters.width(field.name + "".join(field.lines), SIZE) + 56 for field in self.fields if not field.block
        ]
        rows += [letters.width(line, SIZE) + 40 for field in self.fields if field.block for line in field.lines]
        return round(min(WIDEST, max(NARROWEST, *rows)))

    @cached_property
    def height(self) -> float:
        """How high it is."""
        rows = max(len(self.inputs), len(self.outputs))
        return HEAD + PAD + rows * ROW + sum(field.height for field in self.fields) + PAD * 0.7

    def socket_y(self, place: int) -> float:
        """How far below the top a socket lies."""
        return HEAD + PAD + (place + 0.5) * ROW

    @property
    def fields_y(self) -> float:
        """How far below the top the values begin."""
        return HEAD + PAD + max(len(self.inputs), len(self.outputs)) * ROW


def boxes(workflow: Workflow, library: Library, faults: Mapping[str, frozenset[str]]) -> list[Box]:
    """Make the boxes of a workflow.

    Args:
        workflow: The workflow; its nodes need not be in the library.
        library: Tells the sockets and defaults.
        faults: The inputs that something is wrong with, by node; "" stands for the node itself.
    """
    used: dict[str, dict[int | str, None]] = {}
    for call in workflow.nodes.values():
        for value in call.inputs.values():
            if isinstance(value, Link):
                used.setdefault(value.node, {})[value.output] = None
    return [
        _box(id, call, library.get(call.class_type), used.get(id, {}), faults.get(id, frozenset()))
        for id, call in workflow.nodes.items()
    ]


def _box(id: str, call: NodeCall, node: Node | None, used: Iterable[int | str], wrong: frozenset[str]) -> Box:
    title = shown(call.title or (node.title if node is not None else call.class_type), 60)
    category = node.category if node is not None else ""
    known = node.inputs if node is not None else {}
    names = [*known, *(name for name in call.inputs if name not in known)]
    linked = {name for name in names if isinstance(call.inputs.get(name), Link)}
    sockets = [name for name in names if name in linked or (name in known and not takes_literals(known[name].socket))]
    inputs = tuple(
        Port(shown(name, 40), _type(known[name].socket) if name in known else "", name in linked, name in wrong)
        for name in sockets
    )
    fields = tuple(
        field
        for name in names
        if name not in sockets and (field := _field(name, known.get(name), call, name in wrong)) is not None
    )
    return Box(shown(id, 24), title, category, inputs, _outputs(node, used), fields, node is None or "" in wrong)


def _outputs(node: Node | None, used: Iterable[int | str]) -> tuple[Port, ...]:
    used = set(used)
    if node is None:
        return tuple(Port(shown(str(name), 40), "") for name in sorted(used, key=str))
    return tuple(
        Port(output.name, _type(output.socket), place in used or output.name in used)
        for place, output in enumerate(node.outputs)
    )


def output_place(box: Box, node: Node | None, output: int | str) -> int | None:
    """Find the place of an output among a box's sockets, or None where it has no such output."""
    if node is None:
        names = [port.name for port in box.outputs]
        name = shown(str(output), 40)
        return names.index(name) if name in names else None
    if isinstance(output, str):
        return node.output_names.index(output) if output in node.output_names else None
    return output if 0 <= output < len(node.outputs) else None


def _field(name: str, input: Input | None, call: NodeCall, fault: bool) -> Field | None:
    given = name in call.inputs
    value = call.inputs[name] if given else input.default if input is not None else None
    if value is MISSING:
        value = "?"
    elif value is None and not given:
        return None
    long = input is not None and input.socket.text is not None and input.socket.text.multiline
    if isinstance(value, str) and (long or len(value) > 48):
        text = "\n".join(shown(" ".join(line.split()), 600) for line in value[:6000].splitlines())
        lines = letters.wrapped(text[:600], SIZE, WIDEST - 48, _TEXT_LINES)
        return Field(shown(name, 40), tuple(lines), not given, fault, block=True)
    text = _written(value)
    return Field(shown(name, 40), (letters.fitted(text, SIZE, WIDEST * 0.6),), not given, fault)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return shown(value, 60)


def takes_literals(socket: Socket) -> bool:
    """Tell whether a value can be typed in, so that the input need not be linked."""
    pending = [socket.type]
    while pending:
        kind = pending.pop()
        if kind in (int, float, str, bool, dict) or get_origin(kind) in (Literal, dict):
            return True
        if get_origin(kind) in (Union, types.UnionType):
            pending.extend(get_args(kind))
        if isinstance(kind, NewType):
            pending.append(kind.__supertype__ if kind.__supertype__ in (int, float, str, bool) else None)
    return False


def type_names(library: Library) -> Iterator[str]:
    """The names of all types that a library's sockets carry, outputs first; some come more than once."""
    for node in library.values():
        yield from (_type(output.socket) for output in node.outputs)
        yield from (_type(input.socket) for input in node.inputs.values() if not takes_literals(input.socket))


def _type(socket: Socket) -> str:
    return "choice" if socket.literals else describe(socket.type)
