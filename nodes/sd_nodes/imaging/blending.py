"""Blend modes: how a picture above changes the one below (W3C Compositing and Blending, level 1)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Mode = Literal["normal", "multiply", "screen", "overlay", "soft_light", "difference"]


def blend(below: Tensor, above: Tensor, amount: float, mode: Mode) -> Tensor:
    """Blend pictures of one size.

    Args:
        below: 0..1.
        above: 0..1.
        amount: How much of the blend is taken; the rest is the picture below.
        mode: How they are blended; `difference` goes down to zero and no further.

    Returns:
        0..1.
    """
    return (below * (1 - amount) + _blended(below, above, mode) * amount).clamp(0, 1)


def _blended(below: Tensor, above: Tensor, mode: Mode) -> Tensor:
    match mode:
        case "normal":
            return above
        case "multiply":
            return below * above
        case "screen":
            return 1 - (1 - below) * (1 - above)
        case "overlay":
            return torch.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))
        case "soft_light":
            darker = below - (1 - 2 * above) * below * (1 - below)
            lighter = below + (2 * above - 1) * (_lifted(below) - below)
            return torch.where(above <= 0.5, darker, lighter)
        case "difference":
            return below - above


def _lifted(below: Tensor) -> Tensor:
    """The curve that soft light lifts a picture to: a root, and a cubic near black."""
    return torch.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, below.sqrt())
