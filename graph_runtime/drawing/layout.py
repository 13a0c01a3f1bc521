"""Places boxes in layers from left to right, so that links point to the right and cross little.

Sugiyama's layered drawing (Sugiyama, Tagawa, Toda 1981) without the vertices that stand in for long links: links pass
behind the boxes. Each sweep moves boxes towards the mean of their neighbours; what then overlaps is moved apart by
isotonic regression. All steps take time linear in boxes and links, but for sorting.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP_X, GAP_Y = 70.0, 26.0
_SWEEPS = 16
_SWEEPS_OF_MANY = 4
_MANY = 3000


@dataclass(frozen=True, slots=True)
class Edge:
    """A link: from which box to which, and how far below their tops its ends lie."""

    source: int
    target: int
    source_y: float
    target_y: float


def places(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> list[tuple[float, float]]:
    """Place boxes.

    Args:
        sizes: Width and height of each box.
        edges: The links.

    Returns:
        The upper left corner of each box; all are positive.
    """
    incoming: list[list[Edge]] = [[] for _ in sizes]
    outgoing: list[list[Edge]] = [[] for _ in sizes]
    for edge in edges:
        incoming[edge.target].append(edge)
        outgoing[edge.source].append(edge)
    layer = layers(incoming, outgoing)
    found = [(0.0, 0.0)] * len(sizes)
    parts = []
    for members in components(incoming, outgoing):
        part = _Part(members, layer, sizes, incoming, outgoing)
        part.sweep()
        parts.append(part)
    for part, (left, top) in zip(parts, shelves([part.extent() for part in parts]), strict=True):
        for box in part.members:
            found[box] = part.x[box] + left, part.y[box] + top
    return found


def layers(incoming: Sequence[Sequence[Edge]], outgoing: Sequence[Sequence[Edge]]) -> list[int]:
    """Give each box a layer right of all that feed it; links that close a circle are left out of account."""
    count = len(incoming)
    layer, waiting = [-1] * count, [len(edges) for edges in incoming]
    order: list[int] = []
    ready = deque(box for box in range(count) if not waiting[box])
    opened = 0
    while len(order) < count:
        if not ready:
            while layer[opened] >= 0:
                opened += 1
            ready.append(opened)
        box = ready.popleft()
        if layer[box] >= 0:
            continue
        layer[box] = 1 + max((layer[edge.source] for edge in incoming[box]), default=-1)
        order.append(box)
        for edge in outgoing[box]:
            waiting[edge.target] -= 1
            if waiting[edge.target] == 0 and layer[edge.target] < 0:
                ready.append(edge.target)
    for box in reversed(order):
        after = [layer[edge.target] for edge in outgoing[box] if layer[edge.target] > layer[box]]
        if after and len(incoming[box]) < len(outgoing[box]):
            layer[box] = max(layer[box], min(after) - 1)
    return layer


def components(incoming: Sequence[Sequence[Edge]], outgoing: Sequence[Sequence[Edge]]) -> list[list[int]]:
    """Split the boxes into sets that no link connects, in the order of their first boxes."""
    seen = [False] * len(incoming)
    found = []
    for first in range(len(incoming)):
        if seen[first]:
            continue
        seen[first] = True
        members = [first]
        for box in members:
            near = [*(edge.source for edge in incoming[box]), *(edge.target for edge in outgoing[box])]
            for other in near:
                if not seen[other]:
                    seen[other] = True
                    members.append(other)
        found.append(sorted(members))
    return found


class _Part:
    """The boxes of one component, in columns."""

    def __init__(
        self,
        members: list[int],
        layer: Sequence[int],
        sizes: Sequence[tuple[float, float]],
        incoming: Sequence[Sequence[Edge]],
        outgoing: Sequence[Sequence[Edge]],
    ) -> None:
        self.members = members
        self.sizes = sizes
        self.incoming, self.outgoing = incoming, outgoing
        by_layer: dict[int, list[int]] = {}
        for box in members:
            by_layer.setdefault(layer[box], []).append(box)
        self.columns = [by_layer[number] for number in sorted(by_layer)]
        self.x: dict[int, float] = {}
        self.y: dict[int, float] = {}
        left = 0.0
        for column in self.columns:
            width = max(sizes[box][0] for box in column)
            self.x.update((box, left + (width - sizes[box][0]) / 2) for box in column)
            self.stack(column, dict.fromkeys(column, 0.0))
            left += width + GAP_X

    def sweep(self) -> None:
        """Move the boxes towards their neighbours, to and fro, and keep the best of all."""
        if len(self.members) == 1:
            return
        best, least = dict(self.y), self.slope()
        for number in range(_SWEEPS if len(self.members) < _MANY else _SWEEPS_OF_MANY):
            rightwards = number % 2 == 0
            both = number >= _SWEEPS // 2
            for column in self.columns if rightwards else reversed(self.columns):
                wanted = {box: self.wanted(box, rightwards or both, not rightwards or both) for box in column}
                column.sort(key=wanted.__getitem__)
                self.stack(column, wanted)
            if (slope := self.slope()) < least:
                best, least = dict(self.y), slope
        self.y = best

    def wanted(self, box: int, left: bool, right: bool) -> float:
        """Where a box would lie if its links were level."""
        levels = self.levels(box, left, right) or self.levels(box, True, True)
        return sum(levels) / len(levels) if levels else self.y[box]

    def levels(self, box: int, left: bool, right: bool) -> list[float]:
        found = []
        if left:
            found += [self.y[edge.source] + edge.source_y - edge.target_y for edge in self.incoming[box]]
        if right:
            found += [self.y[edge.target] + edge.target_y - edge.source_y for edge in self.outgoing[box]]
        return found

    def slope(self) -> float:
        """How far all links climb or fall."""
        return sum(
            abs(self.y[edge.source] + edge.source_y - self.y[edge.target] - edge.target_y)
            for box in self.members
            for edge in self.incoming[box]
        )

    def stack(self, column: Sequence[int], wanted: dict[int, float]) -> None:
        """Place a column in its order, each box as near to where it wants to be as the others allow."""
        offsets, offset = [], 0.0
        for box in column:
            offsets.append(offset)
            offset += self.sizes[box][1] + GAP_Y
        for box, moved, level in zip(
            column, offsets, isotonic([wanted[b] - o for b, o in zip(column, offsets, strict=True)]), strict=True
        ):
            self.y[box] = level + moved

    def extent(self) -> tuple[float, float]:
        """Move the part to the origin, and give its width and height."""
        top = min(self.y.values())
        self.y = {box: y - top for box, y in self.y.items()}
        width = max(self.x[box] + self.sizes[box][0] for box in self.members)
        return width, max(self.y[box] + self.sizes[box][1] for box in self.members)


def isotonic(values: Iterable[float]) -> list[float]:
    """The non-decreasing sequence nearest to a sequence in the least squares (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while blocks and blocks[-1][0] * count >= total * blocks[-1][1]:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def shelves(extents: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Put rectangles side by side on shelves, in their order, so that the whole is about as wide as a screen."""
    area = sum((width + GAP_X) * (height + 2 * GAP_Y) for width, height in extents)
    limit = max(max((width for width, _ in extents), default=0.0), math.sqrt(area * 1.7))
    found, left, top, highest = [], 0.0, 0.0, 0.0
    for width, height in extents:
        if left > 0 and left + width > limit:
            left, top, highest = 0.0, top + highest + 2 * GAP_Y, 0.0
        found.append((left, top))
        left += width + GAP_X
        highest = max(highest, height)
    return found
