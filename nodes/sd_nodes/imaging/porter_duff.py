"""Transparent pictures over others (Porter and Duff, "Compositing Digital Images", 1984; W3C Compositing, level 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sd_nodes.imaging.modes import PorterDuff

FRACTIONS: dict[str, tuple[str, str]] = {
    "CLEAR": ("none", "none"), "DST": ("none", "all"), "SRC": ("all", "none"), "DST_OVER": ("outside", "all"),
    "SRC_OVER": ("all", "outside"), "DST_IN": ("none", "inside"), "SRC_IN": ("inside", "none"),
    "DST_OUT": ("none", "outside"), "SRC_OUT": ("outside", "none"), "DST_ATOP": ("outside", "inside"),
    "SRC_ATOP": ("inside", "outside"), "XOR": ("outside", "outside"),
}  # fmt: skip
"""The operators of Porter and Duff: how much of each picture counts, by the alpha of the other one."""

CLEARLY = 1e-5
"""Below this opacity a colour is not told any more."""


def composite(
    above: Tensor, above_alpha: Tensor, below: Tensor, below_alpha: Tensor, mode: PorterDuff
) -> tuple[Tensor, Tensor]:
    """Lay pictures over others.

    Args:
        above: `[batch, height, width, channel]`, 0..1.
        above_alpha: How opaque they are, `[batch, height, width, 1]`.
        below: In the same shape.
        below_alpha: How opaque they are.
        mode: How they are joined.

    Returns:
        The pictures, and how opaque they are.
    """
    source, target = above * above_alpha, below * below_alpha
    if mode in FRACTIONS:
        ours, theirs = FRACTIONS[mode]
        first, second = _share(ours, below_alpha), _share(theirs, above_alpha)
        alpha, colour = first * above_alpha + second * below_alpha, first * source + second * target
    else:
        alpha, colour = _blended(source, above_alpha, target, below_alpha, mode)
    plain = torch.where(alpha > CLEARLY, colour / alpha, torch.zeros_like(colour))
    return plain.clamp(0, 1), alpha


def _share(fraction: str, alpha: Tensor) -> Tensor:
    match fraction:
        case "all":
            return torch.ones_like(alpha)
        case "inside":
            return alpha
        case "outside":
            return 1 - alpha
        case _:
            return torch.zeros_like(alpha)


def _blended(source: Tensor, above: Tensor, target: Tensor, below: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Blend modes; colours are multiplied by their alpha."""
    union, around = above + below - above * below, (1 - below) * source + (1 - above) * target
    match mode:
        case "ADD":
            return (above + below).clamp(0, 1), (source + target).clamp(0, 1)
        case "DARKEN":
            return union, around + torch.minimum(source, target)
        case "LIGHTEN":
            return union, around + torch.maximum(source, target)
        case "MULTIPLY":
            return above * below, source * target
        case "SCREEN":
            return union, source + target - source * target
        case _:
            lighter = above * below - 2 * (below - source) * (above - target)
            return union, torch.where(2 * target < below, 2 * source * target, lighter)
