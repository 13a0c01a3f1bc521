"""Where nodes stand on the editor's canvas, and how large they are there, in its own measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ...drawing.layout import Edge
from ...drawing.layout import places as layered
from ...workflow import Note

Box: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""The left upper corner of a node's body, and its size."""

TITLE, SLOT, WIDGET, TEXT, PICTURE = 30.0, 20.0, 24.0, 110.0, 240.0
WIDTH, WIDE = 270.0, 400.0
_MARGIN = 12.0
_GAP = 40.0
_NOTE, _LINE, _LETTERS = 480.0, 24.0, 60
"""The width of a note, the height of a line in it, and how many letters a line holds."""

_GRID = 10.0


@dataclass(frozen=True, slots=True)
class Content:
    """What a node shows.

    Attributes:
        inputs: How many inputs have no widget.
        outputs: How many outputs it has.
        texts: For each widget whether it is a text of several lines.
        picture: Whether the editor shows a picture in it.
    """

    inputs: int
    outputs: int
    texts: Sequence[bool]
    picture: bool


def places(nodes: Sequence[Content], links: Sequence[tuple[int, int, int, int]]) -> list[Box]:
    """Place nodes in layers from left to right.

    Args:
        nodes: What each node shows.
        links: The node and the output that each comes from, the node and the input that it goes to.

    Returns:
        The place of each node.
    """
    sizes = [_size(node) for node in nodes]
    edges = [Edge(source, target, _level(output), _level(input)) for source, output, target, input in links]
    corners = layered([(width, height + TITLE) for width, height in sizes], edges)
    return [((_snapped(left), _snapped(top) + TITLE), size) for (left, top), size in zip(corners, sizes, strict=True)]


def over(boxes: Sequence[Box], notes: Mapping[str, Note]) -> list[Box]:
    """Place notes in a row above the nodes, each as high as its text wants."""
    left = min((corner[0] for corner, _ in boxes), default=0.0)
    top = min((corner[1] for corner, _ in boxes), default=0.0) - TITLE - _GAP
    heights = [_lines(note.text) * _LINE + 2 * _MARGIN for note in notes.values()]
    return [
        ((_snapped(left + place * (_NOTE + _MARGIN)), _snapped(top - height)), (_NOTE, height))
        for place, height in enumerate(heights)
    ]


def _lines(text: str) -> int:
    return sum(1 + len(line) // _LETTERS for line in text.splitlines()) or 1


def _size(node: Content) -> tuple[float, float]:
    height = max(node.inputs, node.outputs, 1) * SLOT + sum(TEXT if text else WIDGET for text in node.texts) + _MARGIN
    return (WIDE if any(node.texts) else WIDTH), height + (PICTURE if node.picture else 0)


def _level(slot: int) -> float:
    return TITLE + SLOT * (slot + 0.5)


def _snapped(length: float) -> float:
    return round(length / _GRID) * _GRID
