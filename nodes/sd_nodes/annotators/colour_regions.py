"""Regions of like colour: a mean shift evens them (Comaniciu and Meer 2002), then each gets one of a few colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from sd_nodes.imaging.quantizing import quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray


def colour_regions(picture: NDArray[np.uint8], colours: int, reach: float, likeness: float) -> NDArray[np.float32]:
    """Draw regions of like colour.

    Args:
        picture: `[height, width, 3]`.
        colours: How many colours the map has at most.
        reach: How far around a point the mean is taken, in pixels.
        likeness: How different colours are taken for alike, of 0..255.

    Returns:
        `[height, width, 3]`, 0..1.
    """
    even = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(picture), reach, likeness)
    few = quantize(torch.from_numpy(np.asarray(even, np.float32)[None] / 255), colours, "none")[0]
    found: NDArray[np.float32] = few.numpy()
    return found
