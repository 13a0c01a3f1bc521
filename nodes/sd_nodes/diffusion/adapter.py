"""T2I adapters: what a picture adds inside of a UNet's encoder, level by level (arXiv:2302.08453)."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from diffusers import T2IAdapter
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from sd_nodes.diffusion.k.hints import fitted_picture, for_batch
from sd_nodes.diffusion.views import device_of

PIXELS = 8
"""How many pixels of the picture a latent spans in each direction."""

LARGE = 16
"""How many pixels the adapters of SDXL fold into one; those of Stable Diffusion 1 fold 8."""

LARGE_INPUTS = (LARGE**2, 3 * LARGE**2)
"""The channels by which the adapters of SDXL are told: grey or coloured pixels, folded."""

Shapes = Mapping[str, Sequence[int]]


class _Halved(nn.Module):
    """The mean of four pixels; a side of odd length gets a row of zeros at both ends first."""

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))


def adapter_of(shapes: Shapes) -> T2IAdapter:
    """Builds the adapter that weights of these shapes, by diffusers' names, belong to.

    Raises:
        KeyError: A tensor is missing that tells its form.
    """
    levels = _count(shapes, r"adapter\.body\.(\d+)\.")
    blocks = _count(shapes, r"adapter\.body\.0\.resnets\.(\d+)\.")
    light = "adapter.conv_in.weight" not in shapes
    folded = shapes["adapter.body.0.in_conv.weight" if light else "adapter.conv_in.weight"][1]
    large = folded in LARGE_INPUTS
    fold = LARGE if large else PIXELS
    end = "out_conv" if light else "resnets.0.block1"
    channels = [shapes[f"adapter.body.{level}.{end}.weight"][0] for level in range(levels)]
    kind = "light_adapter" if light else "full_adapter_xl" if large else "full_adapter"
    # The last level of a light adapter is as wide as the one before it, and not named.
    named = channels[:-1] if light else channels
    return T2IAdapter(folded // fold**2, named, blocks, fold, kind)


def as_trained(net: T2IAdapter) -> T2IAdapter:
    """Lets an adapter halve sides of odd length as the original code does; diffusers' pools otherwise there."""
    for block in net.adapter.body:
        if block.downsample is not None:
            block.downsample = _Halved()
    return net


@dataclass(frozen=True, eq=False)
class Adapted:
    """A picture that steers a run through an adapter.

    Args:
        net: The adapter.
        picture: float32 [batch, height, width, channel], 0..1, in any size.
        strength: What its features are multiplied by; 1 is as trained, 0 is off.
        start: The part of the noise levels before which it is off.
        end: The part after which it is off.
    """

    net: T2IAdapter
    picture: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def prepared(self, seen: torch.Size, prompts: int) -> "Features":
        """Computes what is added, which is the same in every step.

        Args:
            seen: The shape of what the network sees: [prompts * batch, channel, height, width].
            prompts: How many prompts share the batch.
        """
        fold, channels = self.net.adapter.unshuffle.downscale_factor, self.net.config.in_channels
        height, width = (math.ceil(side * PIXELS / fold) * fold for side in seen[2:])
        picture = fitted_picture(self.picture, height, width)
        pixels = picture.mean(3, keepdim=True) if channels == 1 else picture[..., :channels]
        given = for_batch(pixels, seen[0] // prompts, prompts).movedim(-1, 1)
        with torch.no_grad():
            found = self.net(given.to(device_of(self.net), self.net.dtype))
        return Features([one * self.strength for one in found])


@dataclass(frozen=True, eq=False)
class Features:
    """What is added inside of a UNet's encoder: one tensor a level, [1 or batch, channel, height, width]."""

    levels: list[Tensor]

    def __add__(self, other: "Features") -> "Features":
        return Features([one + two for one, two in zip(self.levels, other.levels, strict=True)])


def summed(features: Iterable[Features]) -> Features | None:
    """Sums what several adapters add; None where there are none."""
    found: Features | None = None
    for one in features:
        found = one if found is None else found + one
    return found


def adapter_problem(net: T2IAdapter, widths: Sequence[int]) -> str | None:
    """Says why an adapter cannot steer a UNet with levels of these widths, or nothing.

    Args:
        net: The adapter.
        widths: The channels of the UNet's levels.
    """
    large, own = net.config.adapter_type == "full_adapter_xl", cast("list[int]", list(net.config.channels))
    if net.config.adapter_type == "light_adapter":
        own = [*own, own[-1]]
    # The adapters of SDXL add to its two deeper levels after halving the first, and to its middle.
    wanted = [*widths, widths[-1]] if large else [*widths]
    if own == wanted:
        return None
    return f"The T2I adapter has levels of {own} channels, this model wants {wanted}: it belongs to another family."


def _count(shapes: Shapes, pattern: str) -> int:
    return len({match[1] for name in shapes if (match := re.match(pattern, name))})
