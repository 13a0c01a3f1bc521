"""Latents in other sizes by spherical interpolation: between two latents lies a turned one, not a shorter one."""

import torch
from torch import Tensor

ALIKE = 1 - 1e-5
"""From this cosine on two directions are taken for the same, or for opposite ones below its negative."""


def slerp(first: Tensor, second: Tensor, ratio: Tensor) -> Tensor:
    """Turns one latent towards another, while its length goes from one to the other in a straight line.

    Args:
        first: [batch, channel, ...].
        second: The same shape.
        ratio: How far, 0 to 1; broadcast against the latents.

    Returns:
        The latents between; where the directions are the same the first, where they are opposite the straight line.
    """
    lengths = first.norm(dim=1, keepdim=True), second.norm(dim=1, keepdim=True)
    here, there = (one / length.where(length > 0, 1.0) for one, length in zip((first, second), lengths, strict=True))
    cosine = (here * there).sum(1, keepdim=True)
    angle = cosine.clamp(-ALIKE, ALIKE).acos()
    turned = (((1 - ratio) * angle).sin() * here + (ratio * angle).sin() * there) / angle.sin()
    turned = turned * (lengths[0] * (1 - ratio) + lengths[1] * ratio)
    straight = first * (1 - ratio) + second * ratio
    return torch.where(cosine > ALIKE, first, torch.where(cosine < -ALIKE, straight, turned))


def bislerp(latents: Tensor, width: int, height: int) -> Tensor:
    """Scales latents by spherical interpolation, first across and then down.

    Args:
        latents: [batch, channel, height, width].
        width: The new width.
        height: The new height.
    """
    return _along(_along(latents, 3, width), 2, height)


def _along(latents: Tensor, side: int, new: int) -> Tensor:
    """Scales one side; the middles of pixels are what is placed, as in bilinear scaling."""
    old = latents.shape[side]
    place = ((torch.arange(new, device=latents.device) + 0.5) * (old / new) - 0.5).clamp(0, old - 1)
    before = place.long()
    after = (before + 1).clamp(max=old - 1)
    ratio = (place - before).to(latents).reshape([-1 if axis == side else 1 for axis in range(4)])
    return slerp(latents.index_select(side, before), latents.index_select(side, after), ratio)
