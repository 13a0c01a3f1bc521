"""What a drawing consists of: a few flat shapes with places, sizes and colours, for any kind of file.

Lengths are in pixels of a drawing at its natural size; x grows to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


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
    """A cubic curve that leaves (x, y) to the right and arrives at (to_x, to_y) from the left."""

    x: float
    y: float
    to_x: float
    to_y: float
    colour: str
    thickness: float = 2.2

    @property
    def reach(self) -> float:
        """How far the curve goes straight at either end."""
        return max(24.0, min(abs(self.to_x - self.x) / 2, 240.0), min(abs(self.to_y - self.y) / 4, 90.0))


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
