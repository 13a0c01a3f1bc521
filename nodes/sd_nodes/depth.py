"""Estimates the depth of pictures."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Choices, Folders, Progress, node
from sd_nodes.depth_models import FASTDEPTH, depth_digest, depth_names
from sd_nodes.maps import DepthMap as Depth
from sd_nodes.types import Image

DepthName = Annotated[str, Choices(depth_names, open=True)]


@node("Depth Map", category="control/depth", version=3, resource="gpu", fingerprint=depth_digest)
def depth_map(image: Image, model: DepthName = FASTDEPTH, *, folders: Folders, progress: Progress = SILENT) -> Depth:
    """Estimate how near each point of a picture is.

    Args:
        image: The picture.
        model: `fastdepth` is small and knows rooms (fetch it once: `controlgraph fetch depth`); its coarse map is then
            brought to the edges of the picture. Any depth model of transformers can be named too, by its folder or
            hub id: Depth Anything, DPT, ZoeDepth, GLPN, and, where torchvision is installed, Depth Pro.

    Returns:
        depth: Grey, near is white, in the size of the picture.
    """
    import torch

    from sd_nodes.depth_estimation import estimator, near_is_white

    estimate = estimator(model, folders)
    return Depth(Image(torch.cat([near_is_white(estimate(Image(one[None]))) for one in progress.track(image)])))
