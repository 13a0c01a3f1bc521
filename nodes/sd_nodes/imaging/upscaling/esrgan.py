"""ESRGAN (arXiv:1809.00219) and Real-ESRGAN (arXiv:2107.10833): dense blocks within residual ones."""

import math
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad, pixel_unshuffle

SLOPE, RESIDUAL = 0.2, 0.2
"""The slope of the activation below zero, and how much of a block is added to what it was given."""


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it gave."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        sides = [growth] * 4 + [width]
        for number, side in enumerate(sides):
            setattr(self, f"conv{number + 1}", nn.Conv2d(width + number * growth, side, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width, height, width of the picture] in and out."""
        seen = x
        for number in range(1, 5):
            seen = torch.cat([seen, leaky_relu(self.get_submodule(f"conv{number}")(seen), SLOPE)], dim=1)
        found: Tensor = x + RESIDUAL * self.get_submodule("conv5")(seen)
        return found


class ResidualInResidual(nn.Module):
    """Three dense blocks in a row, with a residual connection around them."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (ResidualDenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape in and out."""
        found: Tensor = x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))
        return found


class Esrgan(nn.Module):
    """Enlarges pictures.

    Args:
        channels: Of the pictures.
        width: Of the features.
        growth: How many features each convolution of a dense block adds.
        blocks: How many residual blocks there are.
        doublings: How often the features are made twice as large.
        fold: Squares of so many pixels a side are folded into channels first, so that all this is done on a smaller
            picture.
    """

    def __init__(self, channels: int, width: int, growth: int, blocks: int, doublings: int, fold: int = 1) -> None:
        super().__init__()
        self.fold, self.doublings = fold, doublings
        self.scale = 2**doublings // fold
        self.conv_first = nn.Conv2d(channels * fold**2, width, 3, 1, 1)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, 1, 1)
        for number in range(doublings):
            setattr(self, f"conv_up{number + 1}", nn.Conv2d(width, width, 3, 1, 1))
        self.conv_hr = nn.Conv2d(width, width, 3, 1, 1)
        self.conv_last = nn.Conv2d(width, channels, 3, 1, 1)

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[int]]) -> "Esrgan":
        """Builds the network that weights of these shapes belong to."""
        width, seen = shapes["conv_first.weight"][:2]
        channels = shapes["conv_last.weight"][0]
        blocks = {match[1] for name in shapes if (match := re.match(r"body\.(\d+)\.", name))}
        doublings = len({match[1] for name in shapes if (match := re.match(r"conv_up(\d+)\.weight", name))})
        growth = shapes["body.0.rdb1.conv1.weight"][0]
        return cls(channels, width, growth, len(blocks), doublings, math.isqrt(seen // channels))

    def forward(self, picture: Tensor) -> Tensor:
        """[batch, channels, height, width] -> the same, `scale` times as large."""
        height, width = picture.shape[2:]
        if self.fold > 1:
            missing = (-width % self.fold, -height % self.fold)
            picture = pixel_unshuffle(pad(picture, (0, missing[0], 0, missing[1]), "reflect"), self.fold)
        features = self.conv_first(picture)
        features = features + self.conv_body(self.body(features))
        for number in range(self.doublings):
            larger = interpolate(features, scale_factor=2, mode="nearest")
            features = leaky_relu(self.get_submodule(f"conv_up{number + 1}")(larger), SLOPE)
        enlarged: Tensor = self.conv_last(leaky_relu(self.conv_hr(features), SLOPE))
        return enlarged[:, :, : height * self.scale, : width * self.scale]
