"""Traces edges."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.maps import EdgeMap
from sd_nodes.types import Image

Threshold = Annotated[int, Range(0, 2040)]
"""A gradient as OpenCV has it: the sizes of the two Sobel sums of 0..255 together, at most 4 * 255 each."""


@node("Canny Edges", category="control/edges")
def canny_edges(image: Image, low: Threshold = 100, high: Threshold = 200, *, progress: Progress = SILENT) -> EdgeMap:
    """Trace the edges of a picture (Canny 1986).

    Args:
        image: The picture to trace.
        low: A gradient below this is no edge.
        high: A gradient above this is always an edge; one between both is where it touches an edge. A sharp border
            between black and white has 1020; 100 and 200 see much, 300 and 600 the strong outlines only.

    Returns:
        edges: White edges on black, in the size of the picture.
    """
    import cv2
    import numpy as np

    from sd_nodes.arrays import bytes_of, image_of

    traced = [cv2.Canny(np.ascontiguousarray(picture), low, high) for picture in progress.track(bytes_of(image))]
    return EdgeMap(image_of(np.stack(traced)))
