"""Where nodes stand on the editor's canvas, and how large they are there, in its own measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ...drawing.layout import Edge
from ...drawing.layout import places as layered

Box: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""The left upper corner of a node's body, and its size."""

TITLE, SLOT, WIDGET, TEXT = 30.0, 20.0, 24.0, 110.0
WIDTH, WIDE = 270.0, 400.0
_MARGIN = 12.0
_GRID = 10.0


def places(nodes: Sequence[tuple[int, int, Sequence[bool]]], links: Sequence[tuple[int, int, int, int]]) -> list[Box]:
    """Place nodes in layers from left to right.

    Args:
        nodes: The number of inputs and of outputs of each, and whether each of its widgets is a text of several lines.
        links: The node and the output that each comes from, the node and the input that it goes to.

    Returns:
        The place of each node.
    """
    sizes = [_size(*node) for node in nodes]
    edges = [Edge(source, target, _level(output), _level(input)) for source, output, target, input in links]
    corners = layered([(width, height + TITLE) for width, height in sizes], edges)
    return [((_snapped(left), _snapped(top) + TITLE), size) for (left, top), size in zip(corners, sizes, strict=True)]


def _size(inputs: int, outputs: int, texts: Sequence[bool]) -> tuple[float, float]:
    slots = max(inputs - len(texts), outputs, 0)
    height = slots * SLOT + sum(TEXT if text else WIDGET for text in texts) + _MARGIN
    return (WIDE if any(texts) else WIDTH), max(height, SLOT + _MARGIN)


def _level(slot: int) -> float:
    return TITLE + SLOT * (slot + 0.5)


def _snapped(length: float) -> float:
    return round(length / _GRID) * _GRID
