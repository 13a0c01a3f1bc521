"""Line art without a network: what is darker than its surroundings, by a difference of Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDER = 3.0
"""How much wider the Gaussian of the surroundings is."""

STRONG = 95.0
"""The percentile of the darker points' differences that is drawn in full ink."""

ALIKE, NEAR = 0.15, 5.0
"""How different in colour, of 0..1, and how far away, in pixels, points are that even each other first: fur and grain
are, outlines are not (Tomasi and Manduchi, ICCV 1998)."""

FAINTEST = 0.03
"""A difference that is never taken as full ink, so that the noise of an even picture is not drawn."""


def line_art(picture: NDArray[np.float32], width: float, threshold: float, shortest: float) -> NDArray[np.float32]:
    """Draw the dark side of edges as lines; areas are left empty, however dark.

    Args:
        picture: `[height, width, 3]`, 0..1; each colour is looked at by itself, so edges between equally light ones
            count too.
        width: The deviation of the Gaussian that evens the picture, in pixels.
        threshold: The ink below which nothing is drawn, 0..1.
        shortest: Lines that cover fewer pixels are left out.

    Returns:
        `[height, width]`: 1 is full ink, 0 is paper.
    """
    calm = cv2.bilateralFilter(np.ascontiguousarray(picture), -1, ALIKE, NEAR)
    even, surroundings = (cv2.GaussianBlur(calm, (0, 0), deviation) for deviation in (width, WIDER * width))
    darker = np.maximum(surroundings - even, 0).max(axis=-1)
    full = max(float(np.percentile(darker[darker > 0], STRONG)) if darker.any() else 0.0, FAINTEST)
    ink = np.minimum(darker / full, 1)
    lines = np.maximum(ink - threshold, 0) / max(1 - threshold, FAINTEST)
    return np.asarray(np.where(_large(lines > 0, shortest), lines, 0), np.float32)


def _large(drawn: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """Tell where what hangs together covers so many points."""
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(drawn.astype(np.uint8), connectivity=8)
    kept = sizes[:, cv2.CC_STAT_AREA] >= least
    return np.asarray(kept[parts], np.bool_)
