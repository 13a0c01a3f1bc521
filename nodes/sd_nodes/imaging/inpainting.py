"""Pictures of which a part is drawn anew: that part made grey, its mask grown over the seam."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d


def to_multiples(items: Tensor, multiple: int) -> Tensor:
    """Cut pictures, `[batch, height, width, channel]`, or masks to multiples on both sides, from their middle."""
    height, width = (side // multiple * multiple for side in items.shape[1:3])
    top, left = (items.shape[1] - height) // 2, (items.shape[2] - width) // 2
    return items[:, top : top + height, left : left + width]


def greyed(picture: Tensor, mask: Tensor) -> Tensor:
    """Make a picture grey where a mask is over a half.

    Args:
        picture: `[batch, height, width, channel]`, 0..1.
        mask: `[batch or 1, height, width]`.
    """
    return torch.where(mask.round().bool()[..., None], 0.5, picture)


def grown(mask: Tensor, pixels: int) -> Tensor:
    """Round a mask and grow it by a box.

    Args:
        mask: `[batch, 1, height, width]`.
        pixels: The side of the box. An even one reaches a pixel further up and left than down and right.
    """
    if pixels == 0:
        return mask.round()
    box = torch.ones(1, 1, pixels, pixels).to(mask)
    sums = conv2d(mask.round(), box, padding=-(-(pixels - 1) // 2))
    return sums.clamp(0, 1)[:, :, : mask.shape[2], : mask.shape[3]].round()
