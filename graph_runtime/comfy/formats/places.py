"""Where nodes stand on the editor's canvas, and how large they are there, in its own measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ...drawing.layout import Edge
from ...drawing.layout import places as layered

Box: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""The left upper corner of a node's body, and its size."""

TITLE, SLOT, WIDGET, TEXT, PICTURE = 30.0, 20.0, 24.0, 110.0, 240.0
WIDTH, WIDE = 270.0, 400.0
_MARGIN = 12.0
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


def _size(node: Content) -> tuple[float, float]:
    height = max(node.inputs, node.outputs, 1) * SLOT + sum(TEXT if text else WIDGET for text in node.texts) + _MARGIN
    return (WIDE if any(node.texts) else WIDTH), height + (PICTURE if node.picture else 0)


def _level(slot: int) -> float:
    return TITLE + SLOT * (slot + 0.5)


def _snapped(length: float) -> float:
    return round(length / _GRID) * _GRID
