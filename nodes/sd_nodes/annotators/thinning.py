"""Strokes made one pixel wide (Zhang and Suen, CACM 27(3), 1984), joined, and drawn in one width again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""The eight neighbours (down, right) from the one above, clockwise: P2 to P9 in the paper."""

TURNS = (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6)))
"""Of the neighbours above, right, below and left: in each half of a round, the triples of which one must be empty."""


def thinned(strokes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin strokes, `[height, width]`, to a width of one pixel; what hangs together still does."""
    inner = np.pad(strokes, 1)
    while True:
        before = inner.copy()
        for triples in TURNS:
            inner &= ~_removable(inner, triples)
        if np.array_equal(inner, before):
            return inner[1:-1, 1:-1]


def sketched(grey: NDArray[np.float32], least: float, gap: float, shortest: float) -> NDArray[np.bool_]:
    """Follow the crests of soft edges as a hand would: over short gaps, and without crumbs.

    As in Canny's tracing, a stroke starts where a crest is high enough and goes on while it is half as high.

    Args:
        grey: `[height, width]`, 0..1.
        least: How high a crest must be where a stroke starts.
        gap: Gaps up to this are closed, in pixels.
        shortest: Strokes of fewer pixels are left out.

    Returns:
        Strokes one pixel wide.
    """
    thin = joined(thinned(ridges(grey, least / 2)), gap)
    count, labels, sizes, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8), connectivity=8)
    starts = cv2.dilate(ridges(grey, least).astype(np.uint8), _pen(3)) > 0
    kept = np.isin(np.arange(count), labels[starts & thin]) & (sizes[:, cv2.CC_STAT_AREA] >= shortest)
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def joined(thin: NDArray[np.bool_], gap: float) -> NDArray[np.bool_]:
    """Join the ends of thin strokes with the nearest point of another stroke, or with the other end of a long one."""
    canvas = thin.astype(np.uint8)
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(canvas, connectivity=8)
    around = cv2.filter2D(canvas, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT)
    ends = thin & (around == 2)
    reach = int(gap)
    for down, right in np.argwhere(ends):
        top, left = max(0, down - reach), max(0, right - reach)
        near = (slice(top, down + reach + 1), slice(left, right + reach + 1))
        part = parts[down, right]
        closing = ends[near] & (sizes[part, cv2.CC_STAT_AREA] > 4 * gap)
        y, x = np.nonzero(np.where(parts[near] == part, closing, parts[near] > 0))
        distances = np.hypot(y + top - down, x + left - right)
        distances[distances == 0] = np.inf
        if len(distances) and distances.min() <= gap:
            best = int(distances.argmin())
            cv2.line(canvas, (int(right), int(down)), (int(x[best]) + left, int(y[best]) + top), 1)
    return np.asarray(canvas > 0, np.bool_)


def drawn(strokes: NDArray[np.bool_], width: int) -> NDArray[np.uint8]:
    """Draw thin strokes with a round pen, white on black."""
    return np.asarray(cv2.dilate(strokes.astype(np.uint8) * 255, _pen(width)), np.uint8)


def ridges(grey: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Return the crests of soft edges.

    A point is on a crest where its neighbours on both sides are no higher, in two of four directions at least, after
    a slight blur: on a slope it is so along the level line only. The border, whose neighbours are not known, has none.

    Args:
        grey: `[height, width]`, 0..1.
        least: Lower crests are left out.
    """
    even = cv2.GaussianBlur(grey, (0, 0), 2.0)
    lines = [np.eye(3, dtype=np.uint8), np.fliplr(np.eye(3, dtype=np.uint8))]
    lines += [np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.uint8)]
    lines[2][1], lines[3][:, 1] = 1, 1
    crests = np.sum([cv2.dilate(even, line) == even for line in lines], axis=0) >= 2
    crests[[0, -1]] = crests[:, [0, -1]] = False
    return np.asarray(crests & (even > least), np.bool_)


def _removable(strokes: NDArray[np.bool_], triples: tuple[tuple[int, ...], ...]) -> NDArray[np.bool_]:
    """Tell which points can go: on the rim of a stroke, no end of one, and no bridge."""
    around = np.stack([np.roll(strokes, (-down, -right), (0, 1)) for down, right in AROUND])
    count = around.sum(axis=0)
    bridges = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
    rim = np.all([~np.all(around[list(triple)], axis=0) for triple in triples], axis=0)
    return np.asarray(strokes & (count >= 2) & (count <= 6) & (bridges == 1) & rim, np.bool_)


def _pen(width: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)), np.uint8)
