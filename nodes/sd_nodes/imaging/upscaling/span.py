"""SPAN: attention without parameters, from the features themselves (arXiv:2311.12770)."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, silu

MEAN, RANGE = (0.4488, 0.4371, 0.4040), 255.0
"""What pictures are shifted and multiplied by first."""

BLOCKS = 6


class Convolution(nn.Module):
    """Three convolutions in a row beside one of single pixels, computed as the one convolution that they amount to."""

    def __init__(self, before: int, after: int, gain: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(before, after, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(before, before * gain, 1),
            nn.Conv2d(before * gain, after * gain, 3),
            nn.Conv2d(after * gain, after, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] -> [batch, after, height, width]."""
        (first, start), (middle, between), (last, end) = (
            (self.get_parameter(f"conv.{number}.weight"), self.get_parameter(f"conv.{number}.bias"))
            for number in range(3)
        )
        weight = torch.einsum("op,pqhw,qi->oihw", last[:, :, 0, 0], middle, first[:, :, 0, 0]).contiguous()
        bias = end + last[:, :, 0, 0] @ (between + middle.sum((2, 3)) @ start)
        weight[:, :, 1, 1] += self.sk.weight[:, :, 0, 0]
        return conv2d(x, weight, bias + self.get_parameter("sk.bias"), padding=1)


class Block(nn.Module):
    """Three convolutions, weighed place by place by what the last of them gave."""

    def __init__(self, width: int, gain: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (Convolution(width, width, gain) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the block's features, and those of its first convolution."""
        first = silu(self.c1_r(x))
        third = self.c3_r(silu(self.c2_r(first)))
        return (third + x) * (torch.sigmoid(third) - 0.5), first


class Span(nn.Module):
    """Enlarges pictures.

    Args:
        channels: Of the pictures.
        width: Of the features.
        gain: How many times wider the convolutions were while they were trained.
        scale: How many times larger pictures become.
        normed: Whether pictures are shifted and multiplied first.
    """

    def __init__(self, channels: int, width: int, gain: int, scale: int, normed: bool = True) -> None:
        super().__init__()
        self.scale, self.normed = scale, normed
        self.conv_1 = Convolution(channels, width, gain)
        for number in range(1, BLOCKS + 1):
            setattr(self, f"block_{number}", Block(width, gain))
        self.conv_cat = nn.Conv2d(4 * width, width, 1)
        self.conv_2 = Convolution(width, width, gain)
        self.upsampler = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, 1, 1), nn.PixelShuffle(scale))

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[int]]) -> "Span":
        """Builds the network that weights of these shapes belong to."""
        width, channels = shapes["conv_1.sk.weight"][:2]
        gain = shapes["conv_1.conv.0.weight"][0] // channels
        scale = math.isqrt(shapes["upsampler.0.weight"][0] // channels)
        return cls(channels, width, gain, scale, "no_norm" not in shapes)

    def forward(self, picture: Tensor) -> Tensor:
        """[batch, channels, height, width] -> the same, `scale` times as large."""
        if self.normed:
            picture = (picture - picture.new_tensor(MEAN).view(1, -1, 1, 1)) * RANGE
        start = x = self.conv_1(picture)
        outputs, firsts = [], []
        for number in range(1, BLOCKS + 1):
            x, first = self.get_submodule(f"block_{number}")(x)
            outputs.append(x)
            firsts.append(first)
        joined = self.conv_cat(torch.cat([start, self.conv_2(x), outputs[0], firsts[-1]], dim=1))
        enlarged: Tensor = self.upsampler(joined)
        return enlarged
