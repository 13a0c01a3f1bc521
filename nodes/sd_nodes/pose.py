"""Finds the poses of people in pictures."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Folders, Progress, Range, node
from sd_nodes.assets import POSE, digest_once_fetched, locate_asset
from sd_nodes.maps import PoseMap
from sd_nodes.types import Image

Certainty = Annotated[float, Range(0.0, 1.0, 0.01)]

pose_digest = digest_once_fetched(POSE)


@node("Pose", category="control/pose", version=2, fingerprint=pose_digest)
def pose(
    image: Image,
    score: Certainty = 0.5,
    seen: Certainty = 0.5,
    most: Annotated[int, Range(1, 20, 1)] = 5,
    *,
    folders: Folders,
    progress: Progress = SILENT,
) -> PoseMap:
    """Draw the poses of people as OpenPose does, found by BlazePose (arXiv:2006.10204).

    It needs its networks and their interpreter, once: `controlgraph fetch pose` and `pip install 'controlgraph[pose]'`.

    Args:
        image: The picture.
        score: People that the networks are less certain of are left out.
        seen: Points of a body that are less certain to be seen are left out, and those beyond the border always.
        most: How many people are drawn at most.

    Returns:
        pose: Coloured skeletons of 18 points on black, in the size of the picture.
    """
    import numpy as np

    from sd_nodes.annotators.blazepose import bodies
    from sd_nodes.annotators.skeleton import drawn
    from sd_nodes.arrays import bytes_of, image_of

    paths = locate_asset(POSE, folders)
    height, width = image.shape[1:3]
    pictures = progress.track(bytes_of(image))
    return PoseMap(
        image_of(np.stack([drawn(bodies(one, paths, score, seen, most), height, width) for one in pictures]))
    )
