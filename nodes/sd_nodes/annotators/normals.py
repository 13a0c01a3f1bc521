"""Surface normals of a depth map: the points that a pinhole camera sees, and the planes through their neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

FRONT = (0.0, 0.0, -1.0)
"""The normal of what faces the camera."""


def points(nearness: Tensor, view: float, reach: float) -> Tensor:
    """Return where in space the pixels of depth maps lie.

    A depth map tells nearness, the inverse of the distance, from black to white. With the nearest point at distance 1
    and the farthest at `reach`, 1 / z runs from 1 / reach to 1. A camera whose view spans an angle over the longer side
    of the picture has the focal length f = longer side / (2 tan(angle / 2)), in pixels, and the pixel at (u, v) from
    the middle sees the point z (u / f, v / f, 1).

    Args:
        nearness: `[batch, height, width]`, 0..1.
        view: The angle, in degrees.
        reach: How many times as far as the nearest point the farthest is.

    Returns:
        `[batch, height, width, 3]`: to the right, down, and away from the camera.
    """
    height, width = nearness.shape[1:]
    focal = max(height, width) / (2 * math.tan(math.radians(view) / 2))
    distance = 1 / (1 / reach + (1 - 1 / reach) * nearness.clamp(0, 1))
    right = (torch.arange(width) + 0.5 - width / 2) / focal
    down = (torch.arange(height) + 0.5 - height / 2) / focal
    rays = torch.stack(
        [right.expand(height, width), down[:, None].expand(height, width), torch.ones(height, width)], -1
    )
    return rays.to(nearness) * distance[..., None]


def normals(nearness: Tensor, view: float, reach: float) -> Tensor:
    """Return which way the surfaces of depth maps face.

    The normal of a pixel is the cross product of the way between its neighbours above and below and the way between
    those at its sides, at length 1; at the border the pixel itself is one of them. Without one, the camera is faced.

    Args:
        nearness: `[batch, height, width]`, 0..1.
        view: See `points`.
        reach: See `points`.

    Returns:
        `[batch, height, width, 3]`: to the right, down, and away from the camera, which is negative where the surface
        can be seen.
    """
    placed = points(nearness, view, reach).movedim(-1, 1)
    framed = pad(placed, (1, 1, 1, 1), "replicate")
    across = framed[:, :, 1:-1, 2:] - framed[:, :, 1:-1, :-2]
    along = framed[:, :, 2:, 1:-1] - framed[:, :, :-2, 1:-1]
    crossed = torch.linalg.cross(along, across, dim=1).movedim(1, -1)
    length = crossed.norm(dim=-1, keepdim=True)
    return torch.where(length > 0, crossed / length, torch.tensor(FRONT).to(crossed))


def coloured(facing: Tensor) -> Tensor:
    """Draw normals in the colours of published normal ControlNets: red to the left, green up, blue to the camera."""
    return (0.5 - 0.5 * facing).clamp(0, 1)
