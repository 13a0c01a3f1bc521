"""People's skeletons in the 18 points of COCO as OpenPose has them, drawn as published ControlNets know them."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

POINTS = (
    "nose", "neck",
    "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Pairs of points, in the order in which they are drawn; the places of the points name their colours too."""

SHADE = 0.6
"""How bright limbs are beside points."""

SIDE = 512
"""The shorter side of a picture in which limbs and points have a half-width of `PEN` pixels."""

PEN = 4


class Point(NamedTuple):
    """A point of a body, in pixels of the picture."""

    x: float
    y: float


Body = tuple[Point | None, ...]
"""The 18 points of one person; None where a point is not seen."""


def colour(place: int) -> tuple[int, int, int]:
    """Return the colour of a point, or of a limb: 18 steps around the circle of hues, from red over yellow."""
    red, green, blue = colorsys.hsv_to_rgb(place / 18, 1, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def drawn(bodies: Sequence[Body], height: int, width: int) -> NDArray[np.uint8]:
    """Draw skeletons on black: limbs as ellipses, darker than the points, which lie above them."""
    canvas = np.zeros((height, width, 3), np.uint8)
    pen = max(1, round(PEN * min(height, width) / SIDE))
    for body in bodies:
        for place, (start, end) in enumerate(LIMBS):
            if (one := body[start]) and (other := body[end]):
                _limb(canvas, one, other, place, pen)
    for body in bodies:
        for place, point in enumerate(body):
            if point:
                cv2.circle(canvas, (round(point.x), round(point.y)), pen, colour(place), thickness=-1)
    return canvas


def _limb(canvas: NDArray[np.uint8], one: Point, other: Point, place: int, pen: int) -> None:
    middle = (round((one.x + other.x) / 2), round((one.y + other.y) / 2))
    length = math.hypot(one.x - other.x, one.y - other.y)
    angle = round(math.degrees(math.atan2(other.y - one.y, other.x - one.x)))
    outline = cv2.ellipse2Poly(middle, (round(length / 2), pen), angle, 0, 360, 1)
    cv2.fillConvexPoly(canvas, np.asarray(outline, np.int32), [int(SHADE * part) for part in colour(place)])
