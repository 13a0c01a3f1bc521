"""The guided filter (He, Sun and Tang, TPAMI 35(6), 2013): a coarse map that follows the edges of its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

REACH = 24
"""The shorter side of a picture is so many times as long as the windows' radius."""

EVEN = 1e-3
"""Windows whose colours differ by less than this variance are evened: the paper's epsilon, for colours of 0..1."""


def guided(map: Floats, picture: Floats) -> Floats:
    """Sharpen a map where its picture has edges, and even it elsewhere.

    In every window the result is a linear function of the picture's colours, the one that is nearest to the map.

    Args:
        map: `[height, width]`, on any scale.
        picture: `[height, width, 3]`, 0..1.

    Returns:
        `[height, width]`, on the scale of the map.
    """
    radius = max(1, min(map.shape) // REACH)
    level = np.float32(max(float(np.ptp(map)), 1e-6))
    told = map.astype(np.float32) / level
    colours, mean = _mean(picture, radius), _mean(told, radius)
    shared = _mean(picture * told[..., None], radius) - colours * mean[..., None]
    slope = np.linalg.solve(_spread(picture, colours, radius), shared[..., None])[..., 0]
    offset = mean - (slope * colours).sum(axis=-1)
    found = (_mean(slope, radius) * picture).sum(axis=-1) + _mean(offset, radius)
    return np.asarray(found * level, np.float32)


def _spread(picture: Floats, colours: Floats, radius: int) -> Floats:
    """Return how the colours vary together in each window, `[height, width, 3, 3]`, made regular."""
    height, width = picture.shape[:2]
    products = (picture[..., :, None] * picture[..., None, :]).reshape(height, width, 9)
    joint = _mean(products, radius).reshape(height, width, 3, 3)
    varied = joint - colours[..., :, None] * colours[..., None, :]
    return np.asarray(varied + EVEN * np.eye(3, dtype=np.float32), np.float32)


def _mean(values: Floats, radius: int) -> Floats:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
