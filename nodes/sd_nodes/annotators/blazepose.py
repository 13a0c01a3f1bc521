"""BlazePose (arXiv:2006.10204): a detector finds people, a second network 33 landmarks of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, final

import cv2
import numpy as np

from graph_runtime import NodeError
from sd_nodes.annotators.skeleton import Body, Point
from sd_nodes.extras import POSE_NETWORKS

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter
    from numpy.typing import NDArray

    Floats = NDArray[np.float32] | NDArray[np.float64]

DETECTOR_SIDE = 224
LANDMARK_SIDE = 256
GRIDS = ((28, 2), (14, 2), (7, 6))
"""The detector's grids over the picture: cells at a side, and guesses at each cell."""

PAIRS = 6
"""What a guess is made of: the middle of the face, the face's size, the hips, a point above the head, and two more."""

OVERLAP = 0.3
"""Two detections that share more of their union than this are one person."""

MARGIN = 1.25
"""How much larger the square around a person is than the circle that the detector gives."""

LANDMARKS = 39
"""The landmark network gives 33 points of the body, and 6 that follow a person through a film."""

CIRCLE = slice(33, 35)
"""Of the latter, the middle of a circle around the person and a point on its rim above the head."""

SOURCES = (0, (11, 12), 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
"""For each of the 18 points of COCO the landmark, or the two in whose middle it lies."""


@final
@dataclass(frozen=True)
class Person:
    """Where a person is: the upright square around them, in pixels, and how far it is turned clockwise, in radians."""

    x: float
    y: float
    side: float
    angle: float


def bodies(picture: NDArray[np.uint8], paths: tuple[Path, ...], score: float, seen: float, most: int) -> list[Body]:
    """Find people and the points of their bodies.

    Args:
        picture: `[height, width, 3]`, red, green, blue.
        paths: The files of the detector and of the landmark network.
        score: People that the networks are less certain of are left out, 0..1.
        seen: Points that are less certain to be seen are left out, 0..1.
        most: How many people are drawn at most, the most certain ones first.

    Raises:
        NodeError: The interpreter of the networks is not installed.
    """
    detector, landmarker = (_interpreter(str(path)) for path in paths)
    people = _people(picture, detector, score)[:most]
    found = [_looked_at(picture, person, landmarker) for person in people]
    height, width = picture.shape[:2]
    return [within(body_of(points, seen), height, width) for points, certainty in found if certainty >= score]


def within(body: Body, height: int, width: int) -> Body:
    """Leave out points beyond the border: BlazePose guesses them, and OpenPose, which sees pixels only, has none."""
    return tuple(point if point and 0 <= point.x < width and 0 <= point.y < height else None for point in body)


def body_of(landmarks: NDArray[np.float32], seen: float) -> Body:
    """Choose the points of COCO from landmarks.

    Args:
        landmarks: `[33 or more, 3]`: x and y in pixels, and how certain it is that the point is seen, 0..1.
        seen: Less certain ones are left out.
    """
    chosen = [landmarks[list(place) if isinstance(place, tuple) else [place]] for place in SOURCES]
    return tuple(
        Point(float(points[:, 0].mean()), float(points[:, 1].mean())) if points[:, 2].min() >= seen else None
        for points in chosen
    )


def _people(picture: NDArray[np.uint8], detector: Interpreter, score: float) -> list[Person]:
    height, width = picture.shape[:2]
    side = max(height, width)
    square = Person(width / 2, height / 2, side, 0.0)
    boxes, scores = _run(detector, cut_out(picture, square, DETECTOR_SIDE) * 2 - 1)
    certain = _sigmoid(scores.reshape(-1))
    kept = np.flatnonzero(certain >= max(score, 1e-3))
    guesses = boxes.reshape(len(certain), PAIRS, 2)[kept] / DETECTOR_SIDE
    guesses[:, [0, *range(2, PAIRS)]] += anchors()[kept][:, None]
    offset = np.array([width - side, height - side]) / 2
    chosen = [guesses[place] for place in distinct(guesses[:, 0], guesses[:, 1], certain[kept])]
    return [person_of(guess[2] * side + offset, guess[3] * side + offset) for guess in chosen]


def person_of(hips: Floats, rim: Floats) -> Person:
    """The square around a circle: its middle lies between the hips, and the point on its rim lies over the head."""
    right, down = rim - hips
    side = max(2 * MARGIN * math.hypot(right, down), 1.0)
    return Person(float(hips[0]), float(hips[1]), side, math.atan2(right, -down))


def _looked_at(
    picture: NDArray[np.uint8], person: Person, landmarker: Interpreter
) -> tuple[NDArray[np.float32], float]:
    """Look at a person twice: the second time at the circle that the first look gives, as from frame to frame."""
    points, certainty = _landmarks(picture, person, landmarker)
    again = _landmarks(picture, person_of(*points[CIRCLE, :2]), landmarker)
    return again if again[1] >= certainty else (points, certainty)


def _landmarks(
    picture: NDArray[np.uint8], person: Person, landmarker: Interpreter
) -> tuple[NDArray[np.float32], float]:
    """Return landmarks, `[39, 3]` as `body_of` takes them, and how certain it is that there is a person."""
    outputs = _run(landmarker, cut_out(picture, person, LANDMARK_SIDE))
    raw = outputs[0].reshape(LANDMARKS, 5)
    back = cv2.invertAffineTransform(_transform(person, LANDMARK_SIDE))
    placed = raw[:, :2] @ back[:, :2].T + back[:, 2]
    return np.concatenate([placed, _sigmoid(raw[:, 3:4])], axis=-1).astype(np.float32), float(outputs[1].reshape(()))


def cut_out(picture: NDArray[np.uint8], person: Person, side: int) -> NDArray[np.float32]:
    """Cut a turned square out of a picture, black beyond its border: `[1, side, side, 3]`, 0..1."""
    shrink = person.side / side
    even = cv2.GaussianBlur(picture, (0, 0), shrink / 2) if shrink > 2 else picture
    cut = cv2.warpAffine(even, _transform(person, side), (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(cut, np.float32)[None] / np.float32(255)


def _transform(person: Person, side: int) -> NDArray[np.float64]:
    """Return what takes pixels of the picture to those of a square cut-out, `[2, 3]`."""
    scale = side / person.side
    across, along = scale * math.cos(person.angle), scale * math.sin(person.angle)
    turn = np.array([[across, along], [-along, across]])
    middle = side / 2 - turn @ np.array([person.x, person.y])
    return np.concatenate([turn, middle[:, None]], axis=1)


@lru_cache(maxsize=1)
def anchors() -> NDArray[np.float32]:
    """Return the middles of the cells that the detector's guesses start from, `[2254, 2]` (x, y), 0..1."""
    found = []
    for cells, guesses in GRIDS:
        y, x = np.mgrid[:cells, :cells]
        middles = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        found.append(np.repeat(middles, guesses, axis=0))
    return np.concatenate(found).astype(np.float32)


def distinct(middles: Floats, sizes: Floats, scores: NDArray[np.float32]) -> list[int]:
    """Return the places of the detections that are people of their own, the most certain first."""
    first, last = middles - sizes / 2, middles + sizes / 2
    left, kept = [int(place) for place in np.argsort(-scores, kind="stable")], []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [other for other in left if _shared(first, last, best, other) <= OVERLAP]
    return kept


def _shared(first: Floats, last: Floats, one: int, other: int) -> float:
    """How much of the union of two rectangles both cover."""
    common = np.clip(np.minimum(last[one], last[other]) - np.maximum(first[one], first[other]), 0, None).prod()
    union = (last[one] - first[one]).prod() + (last[other] - first[other]).prod() - common
    return float(common / union) if union > 0 else 1.0


def _run(network: Interpreter, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    network.set_tensor(network.get_input_details()[0]["index"], picture)
    network.invoke()
    return [np.array(network.get_tensor(output["index"])) for output in network.get_output_details()]


def _interpreter(path: str) -> Interpreter:
    POSE_NETWORKS.demand()
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as problem:
        raise POSE_NETWORKS.lacking(str(problem)) from problem
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        network = Interpreter(path, num_threads=1, experimental_op_resolver_type=plain)
    except ValueError as problem:
        raise NodeError(f"{path} cannot be run as a part of BlazePose: {problem}") from problem
    network.allocate_tensors()
    return network


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)
