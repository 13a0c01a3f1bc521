"""Pictures as the graph holds them, float32 [batch, height, width, channel] from 0 to 1, and as models take them."""

import torch
from torch import Tensor


def to_channels_first(picture: Tensor) -> Tensor:
    """Returns [batch, channel, height, width] of a picture [batch, height, width, channel], contiguous.

    The last bits of a convolution depend on how its input lies in memory: a result that is a function of its inputs
    needs one layout.
    """
    return picture.permute(0, 3, 1, 2).contiguous()


def to_picture(channels_first: Tensor) -> Tensor:
    """Returns the picture, float32 on the CPU, of [batch, channel, height, width] in 0..1."""
    return channels_first.cpu().permute(0, 2, 3, 1).float().contiguous()


def as_bytes(picture: Tensor) -> Tensor:
    """Rounds a picture to uint8, 0 to 255."""
    return (picture * 255).round().to(torch.uint8)
