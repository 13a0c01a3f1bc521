"""Arithmetic on latents: brought to one shape, faded into each other, interpolated in direction and in length."""

from collections.abc import Sequence

import torch
from torch import Tensor

GREY = (0.8223, -0.6876, 0.6364, 0.1380)
"""The latents of a grey picture in Stable Diffusion 1, on its UNet's scale: what is left of one that is all masked."""


def faded(size: Sequence[int], onto: Sequence[int], left: int, top: int, length: int) -> Tensor:
    """Returns how much of latents covers others that they are laid on: it fades at the borders that lie inside.

    Args:
        size: Height and width of what is laid on.
        onto: Height and width of what lies below.
        left: Where the left border comes to lie.
        top: Where the upper border comes to lie.
        length: Over how many latent pixels it fades.

    Returns:
        [1, height, width], from 1 / length to 1.
    """
    height, width = size
    down = _ramps(height, length, top > 0, top + height < onto[0])
    across = _ramps(width, length, left > 0, left + width < onto[1])
    return (down[:, None] * across)[None]


def interpolate(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    """Interpolates latents: directions and lengths each in a straight line, so that the strength is kept.

    Args:
        first: [batch, channel, height, width].
        second: The same shape.
        ratio: How much of the first, 0 to 1.
    """
    lengths = [one.norm(dim=1, keepdim=True) for one in (first, second)]
    here, there = (torch.nan_to_num(one / length) for one, length in zip((first, second), lengths, strict=True))
    between = here * ratio + there * (1 - ratio)
    direction = torch.nan_to_num(between / between.norm(dim=1, keepdim=True))
    mixed: Tensor = direction * (lengths[0] * ratio + lengths[1] * (1 - ratio))
    return mixed


def _ramps(side: int, length: int, before: bool, after: bool) -> Tensor:
    whole = torch.ones(side)
    if not length:
        return whole
    up = (torch.arange(1, side + 1) / length).clamp(max=1)
    return (up if before else whole) * (up.flip(0) * _wrapped(side, length) if after else whole)


def _wrapped(side: int, length: int) -> Tensor:
    """What a ramp adds that is longer than its side: as in ComfyUI it goes around once, and begins at the end again.

    One step falls between the two rounds, and the last place of the side is left out.
    """
    around = torch.ones(side)
    steps = torch.arange(side + 1, max(side + 1, min(length, 2 * side)))
    around[2 * side - 1 - steps] = (steps + 1) / length
    return around
