"""M-LSD, straight line segments (arXiv:2106.00186), through OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graph_runtime import NodeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 512
"""The side of the square pictures that the network takes; its maps have half of it."""

NEIGHBOURHOOD = np.ones((5, 5), np.uint8)
"""Where a centre must be the most certain one."""

MOST = 200
"""How many lines are taken, the most certain ones first."""


def straight_lines(picture: NDArray[np.uint8], path: Path, score: float, length: float) -> NDArray[np.float32]:
    """Find line segments.

    Args:
        picture: `[height, width, 3]`, red, green, blue.
        path: The network's file.
        score: Less certain ones are left out; 0..1.
        length: Shorter ones are left out; a part of the picture's side, 0..1.

    Returns:
        `[lines, 4]`: x and y of the start, x and y of the end, in pixels of the picture.

    Raises:
        NodeError: The file is no such network.
    """
    height, width = picture.shape[:2]
    lines = segments(*_maps(picture, path), score, length)
    return lines * np.array([width, height, width, height], np.float32)


def segments(
    scores: NDArray[np.float32], offsets: NDArray[np.float32], score: float, length: float
) -> NDArray[np.float32]:
    """Read line segments off the network's maps.

    Args:
        scores: `[side, side]`: how certain it is that a point is the centre of a line, 0..1.
        offsets: `[side, side, 4]`: the ways from a centre to its line's start and end (x, y, x, y), in points.
        score: Less certain ones are left out.
        length: Shorter ones are left out; a part of the side.

    Returns:
        `[lines, 4]`: starts and ends, 0..1 over the picture, the most certain first.
    """
    centres = (scores > score) & (scores == cv2.dilate(scores, NEIGHBOURHOOD))
    y, x = np.nonzero(centres)
    best = np.argsort(-scores[y, x], kind="stable")[:MOST]
    y, x = y[best], x[best]
    ends = (np.stack([x, y, x, y], axis=-1) + offsets[y, x]) / np.float32(len(scores))
    lengths = np.hypot(ends[:, 0] - ends[:, 2], ends[:, 1] - ends[:, 3])
    return np.asarray(ends[lengths >= length], np.float32)


def drawn(lines: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Draw line segments, white on black, a pixel wide for each 512 of the shorter side."""
    canvas = np.zeros((height, width), np.uint8)
    thickness = max(1, round(min(height, width) / SIDE))
    for x0, y0, x1, y1 in lines.round().astype(int).tolist():
        cv2.line(canvas, (x0, y0), (x1, y1), 255, thickness)
    return canvas


def _maps(picture: NDArray[np.uint8], path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    smaller = min(picture.shape[:2]) > SIDE
    sized = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    opaque = np.concatenate([sized.astype(np.float32), np.ones((SIDE, SIDE, 1), np.float32)], axis=-1)
    try:
        net = cv2.dnn.readNetFromONNX(str(path))
        net.setInput(opaque[None])
        scores, offsets = net.forward(["scores", "offsets"])
    except cv2.error as problem:
        raise NodeError(f"{path} cannot be run as M-LSD by OpenCV {cv2.__version__}: {problem.err}") from problem
    half = SIDE // 2
    return np.asarray(scores, np.float32).reshape(half, half), np.asarray(offsets, np.float32).reshape(half, half, 4)
