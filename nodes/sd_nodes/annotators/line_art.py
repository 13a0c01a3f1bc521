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

FAINTEST = 0.03
"""A difference that is never taken as full ink, so that the noise of an even picture is not drawn."""


def line_art(picture: NDArray[np.float32], width: float, threshold: float) -> NDArray[np.float32]:
    """Draw the dark side of edges as lines; areas are left empty, however dark.

    Args:
        picture: `[height, width, 3]`, 0..1; each colour is looked at by itself, so edges between equally light ones
            count too.
        width: The deviation of the Gaussian that evens the picture, in pixels.
        threshold: The ink below which nothing is drawn, 0..1.

    Returns:
        `[height, width]`: 1 is full ink, 0 is paper.
    """
    even, surroundings = (cv2.GaussianBlur(picture, (0, 0), deviation) for deviation in (width, WIDER * width))
    darker = np.maximum(surroundings - even, 0).max(axis=-1)
    full = max(float(np.percentile(darker[darker > 0], STRONG)) if darker.any() else 0.0, FAINTEST)
    ink = np.minimum(darker / full, 1)
    return np.asarray(np.maximum(ink - threshold, 0) / max(1 - threshold, FAINTEST), np.float32)
