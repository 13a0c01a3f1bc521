"""Writes a workflow as a document of the editor, version 0.4: slots, links, values in order, a place for each node."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...declaration import Input, Node
from ...drawing.colours import of_category
from ...errors import Problem, WorkflowError, listed, nearest, quoted
from ...step import Link
from ...workflow import NodeCall, Note, Workflow
from .. import wire
from .document import ANYTHING
from .places import Content, over, places
from .widgets import CONTROL, has_control, has_widget, unwrapped

_FIXED = "fixed"
_PAPER, _PAPER_INSIDE = "#432", "#653"
"""The colours that the editor gives to notes."""

_DEFAULTS: Mapping[str, object] = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}


@dataclass(frozen=True, slots=True)
class Sketch:
    """A node that is being written.

    Attributes:
        id: Its id in the workflow.
        call: What the workflow says.
        node: Its declaration, or None where its pack is not installed.
        inputs: Its slots as JSON data, in order.
        outputs: Its slots as JSON data, in order.
        values: The values of its widgets in order.
    """

    id: str
    call: NodeCall
    node: Node | None
    inputs: list[dict[str, object]] = field(default_factory=list)
    outputs: list[dict[str, object]] = field(default_factory=list)
    values: list[object] = field(default_factory=list)


def to_document(workflow: Workflow, library: Mapping[str, Node]) -> dict[str, object]:
    """Write a workflow as a document that the editor opens.

    Args:
        workflow: The workflow.
        library: The declarations: of what is not installed only the inputs that the workflow names are written.

    Returns:
        The document as JSON data.

    Raises:
        WorkflowError: A link leads to a node or an output that is not there; names each of them.
    """
    sketches = {id: _sketch(id, call, library.get(call.class_type)) for id, call in workflow.nodes.items()}
    links, problems = _links(sketches)
    if problems:
        raise WorkflowError(problems, workflow.source)
    boxes = places([_content(sketch) for sketch in sketches.values()], _ends(sketches, links))
    nodes = [
        _written(sketch, order, *box) for order, (sketch, box) in enumerate(zip(sketches.values(), boxes, strict=True))
    ]
    above = [(_id(id), note) for id, note in workflow.notes.items()]
    nodes += [_pinned(id, note, *box) for (id, note), box in zip(above, over(boxes, workflow.notes), strict=True)]
    numbers = [id for id in map(_id, [*workflow.nodes, *workflow.notes]) if isinstance(id, int)]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(workflow.to_json()))),
        "revision": 0,
        "last_node_id": max([0, *numbers]),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _sketch(id: str, call: NodeCall, node: Node | None) -> Sketch:
    sketch = Sketch(id, call, node)
    inputs = node.inputs if node is not None else {}
    shown = [input for input in inputs.values() if has_widget(input)]
    others = {name: value for name, value in call.inputs.items() if name not in {input.name for input in shown}}
    free = {name: _slot(input, False) for name, input in inputs.items() if not has_widget(input)}
    free |= {name: _unknown_slot(name) for name in others if name not in inputs and name != CONTROL}
    written = {name: value for name, value in others.items() if name in free and not isinstance(value, Link)}
    sketch.inputs.extend(slot for name, slot in free.items() if name not in written)
    for input in shown:
        sketch.inputs.append(_slot(input, True))
        sketch.values.append(_value(call, input))
        if has_control(input):
            sketch.values.append(_FIXED)
    for name, value in written.items():
        sketch.inputs.append({**free[name], "widget": {"name": name}})
        sketch.values.append(unwrapped(value))
    for output in node.outputs if node is not None else ():
        sketch.outputs.append({"name": output.name, "type": wire.offered(output.socket), "links": []})
    return sketch


def _slot(input: Input, widget: bool) -> dict[str, object]:
    shape = {} if input.required or widget else {"shape": 7}
    named = {"widget": {"name": input.name}} if widget else {}
    return {"name": input.name, "type": _word(input), **shape, **named, "link": None}


def _unknown_slot(name: str) -> dict[str, object]:
    return {"name": name, "type": ANYTHING, "link": None}


def _word(input: Input) -> str:
    if not has_widget(input):
        return wire.taken(input.socket)
    return "COMBO" if input.socket.literals or input.socket.choices is not None else wire.widget(input.socket)


def _value(call: NodeCall, input: Input) -> object:
    """The value that a widget shows: the workflow's own, else the default; "" where nothing is set."""
    given = call.inputs.get(input.name, input.default)
    value = input.default if isinstance(given, Link) else given
    if value is not input.default or isinstance(value, str | int | float | bool):
        return unwrapped(value) if value is not None else ""
    if input.socket.optional:
        return ""
    if input.proposal is not None:
        return input.proposal
    literals = input.socket.literals
    return literals[0] if literals else _DEFAULTS.get(_word(input))


def _links(sketches: Mapping[str, Sketch]) -> tuple[list[list[object]], list[Problem]]:
    """Number the links, and note each at both of its ends."""
    links: list[list[object]] = []
    problems: list[Problem] = []
    for id, sketch in sketches.items():
        slots = {str(slot["name"]): place for place, slot in enumerate(sketch.inputs)}
        for name, value in sketch.call.inputs.items():
            if not isinstance(value, Link):
                continue
            slot = _output(value, sketches)
            if isinstance(slot, Problem):
                problems.append(_at(slot, sketch, name))
                continue
            source, target = sketches[value.node], slots[name]
            number = len(links) + 1
            kind = source.outputs[slot]["type"]
            sketch.inputs[target]["link"] = number
            connected = source.outputs[slot]["links"]
            assert isinstance(connected, list)
            connected.append(number)
            links.append([number, _id(value.node), slot, _id(id), target, kind])
    return links, problems


def _output(link: Link, sketches: Mapping[str, Sketch]) -> int | Problem:
    """The position of the output that a link names; a node that is not installed gets as many as are needed."""
    source = sketches.get(link.node)
    if source is None:
        message = f"is linked to node {quoted(link.node)}, which is not in the workflow."
        return Problem("bad_link", message, nearest=nearest(link.node, sketches))
    names = [str(slot["name"]) for slot in source.outputs]
    if link.output in names:
        return names.index(str(link.output))
    if isinstance(link.output, int) and 0 <= link.output < (len(names) if source.node is not None else 1000):
        for place in range(len(names), link.output + 1):
            source.outputs.append({"name": f"output {place}", "type": ANYTHING, "links": []})
        return link.output
    has = f"has {listed(names)}" if names else "has no outputs that are known"
    return Problem("bad_link", f"is linked to output {quoted(link.output)} of node {quoted(link.node)}, which {has}.")


def _at(problem: Problem, sketch: Sketch, name: str) -> Problem:
    call = sketch.call
    return Problem(problem.kind, problem.message, sketch.id, call.title, call.class_type, name, problem.nearest)


def _content(sketch: Sketch) -> Content:
    """What the editor shows in a node; those that load or save a picture show it."""
    declared = sketch.node.inputs.values() if sketch.node is not None else ()
    shown = [input.socket for input in declared if has_widget(input)]
    texts = [socket.text is not None and socket.text.multiline for socket in shown]
    more = [False] * (len(sketch.values) - len(texts))
    uploads = [socket.choices is not None and bool(socket.choices.upload) for socket in shown]
    picture = any(uploads) or (sketch.node is not None and sketch.node.sink)
    free = sum("widget" not in slot for slot in sketch.inputs)
    return Content(free, len(sketch.outputs), texts + more, picture)


def _ends(sketches: Mapping[str, Sketch], links: Sequence[Sequence[object]]) -> list[tuple[int, int, int, int]]:
    """The links by the positions of their nodes and slots."""
    place = {_id(id): number for number, id in enumerate(sketches)}
    return [(place[a], int(str(b)), place[c], int(str(d))) for _, a, b, c, d, _ in links]  # type: ignore[index]


def _written(sketch: Sketch, order: int, position: tuple[float, float], size: tuple[float, float]) -> dict[str, object]:
    call, node = sketch.call, sketch.node
    titled = call.title and (node is None or call.title != node.title)
    pack = {"aux_id" if "/" in call.pack else "cnr_id": call.pack} if call.pack else {}
    return {
        "id": _id(sketch.id),
        "type": call.class_type,
        "pos": list(position),
        "size": list(size),
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": sketch.inputs,
        "outputs": sketch.outputs,
        **({"title": call.title} if titled else {}),
        **({"color": of_category(node.category)} if node is not None and node.category else {}),
        "properties": {**pack, "Node name for S&R": call.class_type},
        "widgets_values": sketch.values,
    }


def _pinned(id: int | str, note: Note, position: tuple[float, float], size: tuple[float, float]) -> dict[str, object]:
    return {
        "id": id,
        "type": note.kind,
        "pos": list(position),
        "size": list(size),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        **({"title": note.title} if note.title else {}),
        "properties": {},
        "widgets_values": [note.text],
        "color": _PAPER,
        "bgcolor": _PAPER_INSIDE,
    }


def _id(id: str) -> int | str:
    """The editor counts its nodes; other ids stay texts."""
    return int(id) if id.isascii() and id.isdecimal() and str(int(id)) == id and int(id) < 2**53 else id
