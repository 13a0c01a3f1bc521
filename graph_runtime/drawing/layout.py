"""Places boxes in layers from left to right, so that links point to the right, cross little, and go between the boxes.

Sugiyama's layered drawing (Sugiyama, Tagawa, Toda 1981): a link over several layers holds a lane free in each of them.
Each sweep moves boxes towards the mean of their neighbours; what then overlaps is moved apart by isotonic regression.
A link that closes a circle leads back below its component.
All steps take time linear in boxes, links and lanes, but for sorting; a large graph gets no lanes, and its long links
pass behind the boxes.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]

GAP_X, GAP_Y = 70.0, 26.0
_LANE = 6.0
_LANE_GAP = 6.0
_LANES = 10_000
_BACK_LANES = 5
_SWEEPS = 16
_SWEEPS_OF_MANY = 4
_MANY = 2000


@dataclass(frozen=True, slots=True)
class Edge:
    """A link: from which box to which, and how far below their tops its ends lie."""

    source: int
    target: int
    source_y: float
    target_y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes.

    Attributes:
        corners: The upper left corner of each box; none is negative.
        routes: Points that each link passes between its ends.
    """

    corners: list[Point]
    routes: list[list[Point]]


def places(sizes: Sequence[Point], edges: Sequence[Edge]) -> list[Point]:
    """Place boxes: gives the upper left corner of each."""
    return laid_out(sizes, edges).corners


def laid_out(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Place boxes and lead the links between them.

    Args:
        sizes: Width and height of each box.
        edges: The links.
    """
    net = _Net(list(sizes), [[] for _ in sizes], [[] for _ in sizes])
    for edge in edges:
        net.link(edge)
    net.layer = layers(net.incoming, net.outgoing)
    lanes = net.with_lanes(edges) if len(sizes) <= _MANY else [[] for _ in edges]
    corners = [(0.0, 0.0)] * len(net.sizes)
    ends, floors = [0.0] * len(net.sizes), [0.0] * len(net.sizes)
    parts = [_Part(members, net) for members in components(net.incoming, net.outgoing)]
    for part in parts:
        part.sweep()
    extents = [part.extent() for part in parts]
    for part, (_, height), (left, top) in zip(parts, extents, shelves(extents), strict=True):
        for box in part.members:
            corners[box] = part.x[box] + left, part.y[box] + top
            ends[box], floors[box] = part.right[box] + left, top + height
    routes = [[point for lane in chain for point in _through(corners[lane], ends[lane])] for chain in lanes]
    back = [place for place, edge in enumerate(edges) if net.layer[edge.target] <= net.layer[edge.source]]
    for number, place in enumerate(back):
        source, target = edges[place].source, edges[place].target
        (x, y), (width, height) = corners[target], sizes[target]
        below = y + height + _LANE if source == target else floors[source] + _LANE * (2 + number % _BACK_LANES)
        routes[place] = [(ends[source], below), (2 * x + width - ends[target], below)]  # boxes stand amid their column
    return Layout(corners[: len(sizes)], routes)


def _through(corner: Point, right: float) -> tuple[Point, Point]:
    """A lane leads straight through its column."""
    x, y = corner
    return (x, y + _LANE / 2), (right, y + _LANE / 2)


@dataclass(slots=True)
class _Net:
    """Boxes, lanes and the links between them."""

    sizes: list[Point]
    incoming: list[list[Edge]]
    outgoing: list[list[Edge]]
    layer: list[int] = field(default_factory=list)
    boxes: int = field(init=False)

    def __post_init__(self) -> None:
        self.boxes = len(self.sizes)

    def link(self, edge: Edge) -> None:
        self.incoming[edge.target].append(edge)
        self.outgoing[edge.source].append(edge)

    def with_lanes(self, edges: Sequence[Edge]) -> list[list[int]]:
        """Lead long links over lanes, which those from one socket share; gives the lanes of each link."""
        self.incoming, self.outgoing = [[] for _ in self.sizes], [[] for _ in self.sizes]
        chains: dict[tuple[int, float], list[int]] = {}
        found = []
        for edge in edges:
            chain = chains.setdefault((edge.source, edge.source_y), [])
            span = max(0, self.layer[edge.target] - self.layer[edge.source] - 1)
            while len(chain) < span and len(self.sizes) < self.boxes + _LANES:
                chain.append(self.lane(edge, chain))
            mine = chain[:span] if len(chain) >= span else []
            self.link(Edge(mine[-1], edge.target, _LANE / 2, edge.target_y) if mine else edge)
            found.append(mine)
        return found

    def lane(self, edge: Edge, chain: list[int]) -> int:
        """Add a lane in the layer after the last one of a chain."""
        new = len(self.sizes)
        self.sizes.append((0.0, _LANE))
        self.layer.append(self.layer[edge.source] + len(chain) + 1)
        self.incoming.append([])
        self.outgoing.append([])
        last, y = (chain[-1], _LANE / 2) if chain else (edge.source, edge.source_y)
        self.link(Edge(last, new, y, _LANE / 2))
        return new

    def gap(self, above: int, below: int) -> float:
        """How far two neighbours of a column stay apart."""
        return sum(GAP_Y if box < self.boxes else _LANE_GAP for box in (above, below)) / 2


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
    """The boxes and lanes of one component, in columns."""

    def __init__(self, members: list[int], net: _Net) -> None:
        self.members = members
        self.net = net
        by_layer: dict[int, list[int]] = {}
        for box in members:
            by_layer.setdefault(net.layer[box], []).append(box)
        self.columns = [by_layer[number] for number in sorted(by_layer)]
        self.x: dict[int, float] = {}
        self.y: dict[int, float] = {}
        self.right: dict[int, float] = {}
        left = 0.0
        for column in self.columns:
            width = max(net.sizes[box][0] for box in column)
            for box in column:
                self.x[box] = left + (width - net.sizes[box][0]) / 2 if box < net.boxes else left
                self.right[box] = left + width
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
            found += [self.y[edge.source] + edge.source_y - edge.target_y for edge in self.net.incoming[box]]
        if right:
            found += [self.y[edge.target] + edge.target_y - edge.source_y for edge in self.net.outgoing[box]]
        return found

    def slope(self) -> float:
        """How far all links climb or fall."""
        return sum(
            abs(self.y[edge.source] + edge.source_y - self.y[edge.target] - edge.target_y)
            for box in self.members
            for edge in self.net.incoming[box]
        )

    def stack(self, column: Sequence[int], wanted: dict[int, float]) -> None:
        """Place a column in its order, each box as near to where it wants to be as the others allow."""
        offsets = [0.0]
        for above, below in itertools.pairwise(column):
            offsets.append(offsets[-1] + self.net.sizes[above][1] + self.net.gap(above, below))
        tops = isotonic(wanted[box] - offset for box, offset in zip(column, offsets, strict=True))
        for box, offset, top in zip(column, offsets, tops, strict=True):
            self.y[box] = top + offset

    def extent(self) -> tuple[float, float]:
        """Move the part to the origin, and give its width and height."""
        top = min(self.y.values())
        self.y = {box: y - top for box, y in self.y.items()}
        width = max(self.x[box] + self.net.sizes[box][0] for box in self.members)
        return width, max(self.y[box] + self.net.sizes[box][1] for box in self.members)


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
