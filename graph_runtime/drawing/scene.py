"""What a drawing consists of: a few flat shapes with places, sizes and colours, for any kind of file.

Lengths are in pixels of a drawing at its natural size; x grows to the right, y down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

Point: TypeAlias = tuple[float, float]

_TURN = 40.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle with round corners; `square` leaves the lower two sharp."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    radius: float = 0
    outline: str = ""
    thickness: float = 1
    square: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc around a point."""

    x: float
    y: float
    radius: float
    fill: str
    outline: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A smooth line through points, level in each of them; it leaves its first and enters its last to the right."""

    points: tuple[Point, ...]
    colour: str
    thickness: float = 2.2

    def pieces(self) -> Iterator[tuple[Point, Point, Point, Point]]:
        """The cubic Bézier curves that it consists of: end, two handles, end."""
        inner = zip(self.points, self.points[2:], strict=False)
        senses = [1, *(1 if after >= before else -1 for (before, _), (after, _) in inner), 1]
        for ((x, y), sense), ((to_x, to_y), to_sense) in pairwise(zip(self.points, senses, strict=True)):
            ahead = (to_x - x) * sense
            reach = _TURN if sense != to_sense else min(ahead / 2, 240.0) if ahead > 0 else 80.0
            yield (x, y), (x + reach * sense, y), (to_x - reach * to_sense, to_y), (to_x, to_y)


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; `y` is the middle of its height."""

    x: float
    y: float
    text: str
    colour: str
    size: float = 12
    anchor: Literal["start", "middle", "end"] = "start"


Shape: TypeAlias = Panel | Dot | Curve | Label


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole drawing; later shapes lie upon earlier ones, and labels upon all."""

    width: float
    height: float
    background: str
    shapes: tuple[Shape, ...]
