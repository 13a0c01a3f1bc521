"""The compact network of Real-ESRGAN: plain convolutions on the small picture, unfolded at the end."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle


class Compact(nn.Module):
    """Enlarges pictures; what it computes is added to their nearest neighbours.

    Args:
        channels: Of the pictures.
        width: Of the features.
        layers: How many convolutions there are between the first and the last.
        scale: How many times larger pictures become.
    """

    def __init__(self, channels: int, width: int, layers: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        sides = [channels, *[width] * (layers + 1)]
        parts: list[nn.Module] = []
        for before, after in pairwise(sides):
            parts += [nn.Conv2d(before, after, 3, 1, 1), nn.PReLU(after)]
        self.body = nn.Sequential(*parts, nn.Conv2d(width, channels * scale**2, 3, 1, 1))

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[int]]) -> "Compact":
        """Builds the network that weights of these shapes belong to."""
        width, channels = shapes["body.0.weight"][:2]
        last = max(int(match[1]) for name in shapes if (match := re.match(r"body\.(\d+)\.", name)))
        return cls(channels, width, last // 2 - 1, math.isqrt(shapes[f"body.{last}.weight"][0] // channels))

    def forward(self, picture: Tensor) -> Tensor:
        """[batch, channels, height, width] -> the same, `scale` times as large."""
        return pixel_shuffle(self.body(picture), self.scale) + interpolate(picture, scale_factor=self.scale)
