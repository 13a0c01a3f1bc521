"""Masks: grown, shrunk, softened at the edges, combined with others."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

Operation = Literal["multiply", "add", "subtract", "and", "or", "xor"]


def layers(mask: Tensor) -> Tensor:
    """Return a mask as `[batch, height, width]`, whatever stands before its height and width."""
    return mask.reshape(-1, *mask.shape[-2:])


def scaled(mask: Tensor, height: int, width: int) -> Tensor:
    """Scale a mask to `[batch, 1, height, width]`, bilinear and without smoothing first."""
    return interpolate(layers(mask)[:, None], (height, width), mode="bilinear")


def grow(mask: Tensor, pixels: int, tapered: bool) -> Tensor:
    """Grow the light parts of a mask, or shrink them.

    Args:
        mask: `[batch, height, width]`.
        pixels: How far; below zero it shrinks.
        tapered: Whether corners are cut: it grows by steps to the four neighbours, and not to the corners.
    """
    if pixels < 0:
        return -grow(-mask, -pixels, tapered)
    grown = mask[:, None]
    for _ in range(pixels):
        larger = _crossed(grown) if tapered else max_pool2d(grown, 3, 1, 1)
        if larger.equal(grown):
            break
        grown = larger
    return grown[:, 0]


def feather(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Let a mask rise from its borders, over so many pixels at each of them.

    As ComfyUI has it, the ramps of the right and the bottom are counted from the opposite border: their first and
    lowest step falls on the first column or row, and the second step on the last one.

    Args:
        mask: `[batch, height, width]`.
        left: The length of the ramp at the left border, in pixels; the others likewise.
        top: Likewise.
        right: Likewise.
        bottom: Likewise.
    """
    height, width = mask.shape[-2:]
    across = (_ramp(width, left), _ramp(width, right).flip(0).roll(1))
    down = (_ramp(height, top)[:, None], _ramp(height, bottom).flip(0).roll(1)[:, None])
    for ramp in (*across, *down):
        mask = mask * ramp.to(mask)
    return mask


def combine(below: Tensor, above: Tensor, x: int, y: int, operation: Operation) -> Tensor:
    """Combine a mask with another that is laid on it.

    Args:
        below: `[batch, height, width]`.
        above: `[batch or 1, height, width]`; what reaches over the border is left out.
        x: Where the left border of the mask above comes to lie.
        y: Where its upper border comes to lie.
        operation: How they are combined; `and`, `or` and `xor` round both first.

    Returns:
        The mask below, changed where the other lies: 0..1.
    """
    combined = below.clone()
    place = combined[:, y : y + above.shape[-2], x : x + above.shape[-1]]
    place.copy_(_result(place, above[:, : place.shape[-2], : place.shape[-1]].to(place), operation))
    return combined.clamp(0, 1)


def _result(below: Tensor, above: Tensor, operation: Operation) -> Tensor:
    first, second = below.round().bool(), above.round().bool()
    match operation:
        case "multiply":
            return below * above
        case "add":
            return below + above
        case "subtract":
            return below - above
        case "and":
            return (first & second).to(below)
        case "or":
            return (first | second).to(below)
        case "xor":
            return (first ^ second).to(below)


def _crossed(mask: Tensor) -> Tensor:
    return torch.maximum(max_pool2d(mask, (3, 1), 1, (1, 0)), max_pool2d(mask, (1, 3), 1, (0, 1)))


def _ramp(side: int, length: int) -> Tensor:
    """Rise from 1 / length to 1 over the first pixels of a side; a ramp that is too long fills the side."""
    length = min(length, side)
    return torch.cat([torch.arange(1, length + 1) / max(length, 1), torch.ones(side - length)])
