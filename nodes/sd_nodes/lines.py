"""Finds the straight lines of pictures."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Folders, Progress, Range, node
from sd_nodes.assets import MLSD, digest_once_fetched, locate_asset
from sd_nodes.maps import LineMap
from sd_nodes.types import Image

Part = Annotated[float, Range(0.0, 1.0, 0.01)]

mlsd_digest = digest_once_fetched(MLSD)


@node("Straight Lines", category="control/lines", fingerprint=mlsd_digest)
def straight_lines(
    image: Image, score: Part = 0.1, length: Part = 0.08, *, folders: Folders, progress: Progress = SILENT
) -> LineMap:
    """Find straight lines by the network M-LSD (arXiv:2106.00186); fetch it once: `controlgraph fetch mlsd`.

    Args:
        image: The picture: rooms and buildings have such lines.
        score: Lines that the network is less certain of are left out.
        length: Shorter lines are left out; a part of the picture's side.

    Returns:
        lines: White lines on black, in the size of the picture.
    """
    import numpy as np

    from sd_nodes.annotators.mlsd import drawn
    from sd_nodes.annotators.mlsd import straight_lines as detect
    from sd_nodes.arrays import bytes_of, image_of

    (path,) = locate_asset(MLSD, folders)
    height, width = image.shape[1:3]
    pictures = progress.track(bytes_of(image))
    return LineMap(image_of(np.stack([drawn(detect(one, path, score, length), height, width) for one in pictures])))
