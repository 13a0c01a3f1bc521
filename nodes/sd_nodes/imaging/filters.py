"""Filters: a Gaussian blur, and sharpening by what a blur takes away."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def gaussian_kernel(radius: int, sigma: float) -> Tensor:
    """Return a Gaussian of `2 radius + 1` on each side, with a sum of 1.

    Args:
        radius: How far it reaches, in pixels.
        sigma: Its deviation, where 1 is the radius.
    """
    place = torch.linspace(-1, 1, 2 * radius + 1)
    distance = (place[:, None] ** 2 + place[None, :] ** 2).sqrt()
    bell = torch.exp(-(distance**2) / (2.0 * sigma * sigma))
    return bell / bell.sum()


def blur(image: Tensor, radius: int, sigma: float) -> Tensor:
    """Blur pictures, `[batch, height, width, channel]`."""
    return _filtered(image, gaussian_kernel(radius, sigma))


def sharpen(image: Tensor, radius: int, sigma: float, amount: float) -> Tensor:
    """Sharpen pictures: ten times `amount` of the blurred picture is taken away, and as much of the picture added.

    Args:
        image: `[batch, height, width, channel]`, 0..1.
        radius: How far the blur reaches, in pixels.
        sigma: The blur's deviation, where 1 is the radius.
        amount: How strong it is.
    """
    kernel = -10.0 * amount * gaussian_kernel(radius, sigma)
    kernel[radius, radius] += 1.0 - kernel.sum()
    return _filtered(image, kernel).clamp(0, 1)


def _filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Convolve each channel; beyond the border the picture is mirrored, as often as the kernel reaches over it."""
    radius, channels = len(kernel) // 2, image.shape[-1]
    framed = image.movedim(-1, 1)
    for left in _reaches(radius, min(image.shape[1:3]) - 1):
        framed = pad(framed, (left, left, left, left), "reflect" if min(image.shape[1:3]) > 1 else "replicate")
    weights = kernel.to(image).expand(channels, 1, *kernel.shape)
    return conv2d(framed, weights, groups=channels).movedim(1, -1).contiguous()


def _reaches(radius: int, limit: int) -> list[int]:
    """Cut a radius into parts that a mirror of this size can take; a side of one pixel has nothing to mirror."""
    if limit < 1:
        return [radius]
    whole, rest = divmod(radius, limit)
    return [limit] * whole + ([rest] if rest else [])
