"""Composes the drawing of a workflow: links below, boxes above, sockets in the colours of their types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import Problem
from ..library import Library
from ..step import Link
from ..workflow import Workflow
from . import colours, letters
from .boxes import HEAD, LINE, PAD, ROW, SIZE, TITLE, Box, Field, Port, boxes, output_place, type_names
from .layout import Edge, Point, laid_out
from .scene import Curve, Dot, Label, Panel, Scene, Shape

MARGIN = 32.0
_RADIUS = 8.0
_SOCKET = 5.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """A link between two boxes, by their places and the places of their sockets."""

    source: int
    output: int
    target: int
    input: int
    fault: bool


def picture(workflow: Workflow, library: Library, problems: Iterable[Problem] = ()) -> Scene:
    """Draw a workflow.

    Args:
        workflow: The workflow; what is wrong with it is drawn in red.
        library: Tells the sockets, defaults and colours.
        problems: What is wrong with it.
    """
    faults: dict[str, frozenset[str]] = {}
    for problem in problems:
        faults[problem.node] = faults.get(problem.node, frozenset()) | {problem.input}
    drawn = boxes(workflow, library, faults)
    wired = list(_wirings(workflow, library, drawn))
    edges = [
        Edge(w.source, w.target, drawn[w.source].socket_y(w.output), drawn[w.target].socket_y(w.input)) for w in wired
    ]
    layout = laid_out([(box.width, box.height) for box in drawn], edges)
    corners = [(x + MARGIN, y + MARGIN) for x, y in layout.corners]
    palette = colours.of_types(
        [*type_names(library), *(port.type for box in drawn for port in (*box.inputs, *box.outputs))]
    )
    shapes: list[Shape] = [
        _curve(wiring, drawn, corners, route, palette) for wiring, route in zip(wired, layout.routes, strict=True)
    ]
    for box, (x, y) in zip(drawn, corners, strict=True):
        shapes.extend(_box(box, x, y, palette))
    width = max((x + box.width for box, (x, _) in zip(drawn, corners, strict=True)), default=0.0)
    height = max((y + box.height for box, (_, y) in zip(drawn, corners, strict=True)), default=0.0)
    height = max([height, *(y + MARGIN for route in layout.routes for _, y in route)])
    return Scene(width + MARGIN, height + MARGIN, colours.BACKGROUND, tuple(shapes))


def _wirings(workflow: Workflow, library: Library, drawn: list[Box]) -> Iterator[Wiring]:
    """The links that have two ends; one to a node or output that is not there is drawn as a red socket alone."""
    place_of = {id: place for place, id in enumerate(workflow.nodes)}
    for target, call in enumerate(workflow.nodes.values()):
        node = library.get(call.class_type)
        names = [port.name for port in drawn[target].inputs]
        order = {name: place for place, name in enumerate(names)}
        for name, value in call.inputs.items():
            if not isinstance(value, Link) or value.node not in place_of:
                continue
            source = place_of[value.node]
            feeding = library.get(workflow.nodes[value.node].class_type)
            output = output_place(drawn[source], feeding, value.output)
            input = _input_place(name, node is not None and name in node.inputs, order)
            if output is not None and input is not None:
                yield Wiring(source, output, target, input, drawn[target].inputs[input].fault)


def _input_place(name: str, known: bool, order: Mapping[str, int]) -> int | None:
    from ..errors import shown

    return order.get(name) if known else order.get(shown(name, 40))


def _curve(
    wiring: Wiring, drawn: list[Box], corners: list[Point], route: Iterable[Point], palette: Mapping[str, str]
) -> Curve:
    source, target = drawn[wiring.source], drawn[wiring.target]
    (x, y), (to_x, to_y) = corners[wiring.source], corners[wiring.target]
    first = x + source.width, y + source.socket_y(wiring.output)
    last = to_x, to_y + target.socket_y(wiring.input)
    colour = colours.FAULT if wiring.fault else palette[source.outputs[wiring.output].type]
    return Curve((first, *((via_x + MARGIN, via_y + MARGIN) for via_x, via_y in route), last), colour)


def _box(box: Box, x: float, y: float, palette: Mapping[str, str]) -> Iterator[Shape]:
    edge = colours.FAULT if box.fault else colours.EDGE
    yield Panel(x, y, box.width, box.height, colours.BODY, _RADIUS)
    yield Panel(x, y, box.width, HEAD, colours.of_category(box.category), _RADIUS, square=True)
    yield Panel(x, y, box.width, box.height, "", _RADIUS, edge, 2.0 if box.fault else 1.2)
    number = f"#{box.id}"
    room = box.width - letters.width(number, 11) - 34
    yield Label(x + 12, y + HEAD / 2, letters.fitted(box.title, TITLE, room), colours.TEXT, TITLE)
    yield Label(x + box.width - 12, y + HEAD / 2, number, colours.DIM, 11, "end")
    for place, port in enumerate(box.inputs):
        yield from _port(port, x, y + box.socket_y(place), palette, left=True)
    for place, port in enumerate(box.outputs):
        yield from _port(port, x + box.width, y + box.socket_y(place), palette, left=False)
    top = y + box.fields_y
    for field in box.fields:
        yield from _field(field, x + PAD, top, box.width - 2 * PAD)
        top += field.height


def _port(port: Port, x: float, y: float, palette: Mapping[str, str], left: bool) -> Iterator[Shape]:
    colour = colours.FAULT if port.fault else palette[port.type]
    yield Dot(x, y, _SOCKET, colour if port.linked else colours.BODY, colours.EDGE if port.linked else colour)
    text = colours.FAULT if port.fault else colours.TEXT if port.linked else colours.DIM
    if left:
        yield Label(x + 14, y, port.name, text, SIZE)
    else:
        yield Label(x - 14, y, port.name, text, SIZE, "end")


def _field(field: Field, x: float, y: float, width: float) -> Iterator[Shape]:
    value = colours.FAULT if field.fault else colours.FAINT if field.default else colours.TEXT
    outline = colours.FAULT if field.fault else ""
    yield Panel(x, y + 1, width, field.height - 4, colours.FIELD, 6, outline)
    yield Label(x + 10, y + ROW / 2, field.name, colours.DIM, SIZE)
    if field.block:
        for place, line in enumerate(field.lines):
            yield Label(x + 10, y + ROW + (place + 0.4) * LINE, line, value, SIZE)
        return
    room = width - letters.width(field.name, SIZE) - 30
    yield Label(x + width - 10, y + ROW / 2, letters.fitted("".join(field.lines), SIZE, room), value, SIZE, "end")
