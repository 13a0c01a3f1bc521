"""Draws which way surfaces face."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import Range, node
from sd_nodes.maps import DepthMap, NormalMap
from sd_nodes.types import Image


@node("Surface Normals", category="control/normals")
def surface_normals(
    depth: DepthMap,
    view: Annotated[float, Range(1.0, 150.0, 0.5)] = 60.0,
    reach: Annotated[float, Range(1.01, 1000.0, 0.01)] = 2.0,
    smoothing: Annotated[float, Range(0.0, 32.0, 0.5)] = 4.0,
    background: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.0,
) -> NormalMap:
    """Tell which way surfaces face, from the points in space that a depth map places before a camera.

    Args:
        depth: The depth map: near is white, and grey falls with the inverse of the distance.
        view: The angle that the camera sees over the longer side of the picture, in degrees.
        reach: How many times as far as the nearest point the farthest one is; more makes surfaces steeper.
        smoothing: The deviation of the Gaussian that evens the depth first, in pixels of a picture of 512.
        background: Where the depth map is darker than this, the surface is drawn as facing the camera.

    Returns:
        normals: Red faces left, green up, blue the camera, as published normal ControlNets read them.
    """
    import torch

    from sd_nodes.annotators.normals import FRONT, coloured, normals
    from sd_nodes.imaging.filters import blur

    deviation = smoothing * min(depth.shape[1:3]) / 512
    radius = max(1, round(3 * deviation))
    even = blur(depth, radius, deviation / radius) if smoothing else depth
    nearness = even[..., :3].mean(dim=-1)
    facing = torch.where(
        (depth[..., :3].mean(dim=-1) < background)[..., None],
        torch.tensor(FRONT),
        normals(nearness, view, reach),
    )
    return NormalMap(Image(coloured(facing)))
