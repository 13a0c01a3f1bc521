"""Swirls the content of pictures: each point is taken from a place that drifts smoothly over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def shuffled(picture: NDArray[np.float32], scale: int, seed: int) -> NDArray[np.float32]:
    """Swirl a picture, `[height, width, 3]`, with swirls of about `scale` pixels."""
    height, width = picture.shape[:2]
    random = np.random.default_rng(seed)
    across, down = (_drift(random, height, width, scale) for _ in range(2))
    moved = cv2.remap(picture, across * np.float32(width - 1), down * np.float32(height - 1), cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)


def _drift(random: np.random.Generator, height: int, width: int, scale: int) -> NDArray[np.float32]:
    """Return smooth noise, `[height, width]`, that runs from 0 to 1."""
    cells = [max(2, -(-side // scale) + 1) for side in (width, height)]
    coarse = random.standard_normal((cells[1], cells[0])).astype(np.float32)
    smooth = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    low, high = float(smooth.min()), float(smooth.max())
    return (smooth - low) / np.float32(high - low if high > low else 1)
