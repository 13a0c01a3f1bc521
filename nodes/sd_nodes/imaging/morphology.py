"""Pictures changed by what lies in a square around each pixel (mathematical morphology), channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import max_pool1d, pad

if TYPE_CHECKING:
    from sd_nodes.imaging.modes import Operation


def dilated(image: Tensor, side: int) -> Tensor:
    """Take the lightest in a square of `side` around each pixel; an even one reaches further up and left.

    Args:
        image: `[batch, channel, height, width]`.
        side: In pixels.
    """
    return _lightest(_lightest(image, side).mT, side).mT


def eroded(image: Tensor, side: int) -> Tensor:
    """Take the darkest in a square of `side` around each pixel; see `dilated`."""
    return -dilated(-image, side)


def changed(image: Tensor, operation: Operation, side: int) -> Tensor:
    """Change pictures, `[batch, channel, height, width]`; see `dilated`."""
    match operation:
        case "erode":
            return eroded(image, side)
        case "dilate":
            return dilated(image, side)
        case "open":
            return dilated(eroded(image, side), side)
        case "close":
            return eroded(dilated(image, side), side)
        case "gradient":
            return dilated(image, side) - eroded(image, side)
        case "top_hat":
            return image - dilated(eroded(image, side), side)
        case "bottom_hat":
            return eroded(dilated(image, side), side) - image


def _lightest(image: Tensor, side: int) -> Tensor:
    """Take the lightest of a run along the last side."""
    framed = pad(image, (side // 2, side - side // 2 - 1), value=float("-inf"))
    found: Tensor = max_pool1d(framed.reshape(-1, 1, framed.shape[-1]), side, 1)
    return found.reshape(image.shape)
