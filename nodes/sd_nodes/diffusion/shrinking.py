"""Deep Shrink: a UNet whose inner features are made smaller, so that large pictures keep their composition (Kohya)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sd_nodes.diffusion.bislerp import bislerp
from sd_nodes.diffusion.views import view_of

Size = tuple[int, int]


@dataclass(frozen=True)
class Shrink:
    """How features are made smaller.

    Args:
        block: The input block behind which this happens, as the original code counts them: 0 is the first convolution,
            3 the first downsampler of Stable Diffusion.
        factor: By how much.
        after_skip: The skip connection of that block keeps its size.
        down: How features are made smaller: a mode of torch's interpolation, or `bislerp`.
        up: How they are brought back to the size of a skip connection.
    """

    block: int
    factor: float
    after_skip: bool = True
    down: str = "bicubic"
    up: str = "bicubic"

    def smaller(self, size: Size) -> Size:
        """Returns the size that features of this size are brought to."""
        height, width = (max(1, round(side * (1.0 / self.factor))) for side in size)
        return height, width


def skip_sizes(unet: UNet2DConditionModel, shrink: Shrink, size: Size) -> list[Size]:
    """Returns the size of each skip connection for latents of this size, in the order in which they are made."""
    per_level = unet.config.layers_per_block + 1
    sizes = []
    for number in range(len(unet.down_blocks) * per_level):
        if number and number % per_level == 0:
            size = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        kept, size = size, shrink.smaller(size) if number == shrink.block else size
        sizes.append(kept if shrink.after_skip else size)
    return sizes


def with_shrunk_features(unet: UNet2DConditionModel, shrink: Shrink, size: Size) -> UNet2DConditionModel:
    """Returns a view of a UNet whose features behind one of its blocks are smaller.

    Args:
        unet: The model; it stays as it is.
        shrink: Where and how; a block that it does not have changes nothing.
        size: The height and the width of the latents.
    """
    per_level = unet.config.layers_per_block + 1
    sizes = skip_sizes(unet, shrink, size)
    if not 0 < shrink.block < len(sizes):
        return unet
    changes: dict[tuple[str, ...], nn.Module] = {}
    number = shrink.block if not shrink.after_skip else shrink.block + 1
    for path in _input_paths(unet, number, last=not shrink.after_skip):
        kind = _Before if shrink.after_skip else _After
        changes[path] = kind(_at(unet, path), None, shrink)
    for place in range(len(sizes)):
        target, upsampled = sizes[len(sizes) - 1 - place], place and place % per_level == 0
        path = _output_path(unet, place, per_level)
        module = changes.get(path) or _at(unet, path)
        changes[path] = _Upsampler(module, target) if upsampled else _After(module, target, shrink)
    return cast("UNet2DConditionModel", _changed(unet, changes))


def _input_paths(unet: UNet2DConditionModel, number: int, last: bool) -> Iterator[tuple[str, ...]]:
    """Gives the way to the first or the last layer of an input block; behind them all lies the middle."""
    per_level = unet.config.layers_per_block + 1
    level, layer = divmod(number - 1, per_level)
    if number >= len(unet.down_blocks) * per_level:
        yield ("mid_block", "resnets", "0")
        return
    block = unet.down_blocks[level]
    if layer == per_level - 1:
        yield ("down_blocks", str(level), "downsamplers", "0")
    elif last and getattr(block, "attentions", None) is not None:
        yield ("down_blocks", str(level), "attentions", str(layer))
    else:
        yield ("down_blocks", str(level), "resnets", str(layer))


def _output_path(unet: UNet2DConditionModel, place: int, per_level: int) -> tuple[str, ...]:
    """Returns the way to the layer whose result meets the skip connection of an output block."""
    if place == 0:
        return ("mid_block", "resnets", str(len(unet.mid_block.resnets) - 1))
    level, layer = divmod(place, per_level)
    if layer == 0:
        return ("up_blocks", str(level - 1), "upsamplers", "0")
    kind = "resnets" if getattr(unet.up_blocks[level], "attentions", None) is None else "attentions"
    return ("up_blocks", str(level), kind, str(layer - 1))


def _at(module: nn.Module, path: tuple[str, ...]) -> nn.Module:
    return module.get_submodule(".".join(path))


def _changed(module: nn.Module, changes: Mapping[tuple[str, ...], nn.Module]) -> nn.Module:
    """Returns a view of a module in which those at some ways are others."""
    own: dict[str, nn.Module] = {}
    for first in dict.fromkeys(path[0] for path in changes):
        below = {path[1:]: new for path, new in changes.items() if path[0] == first}
        own[first] = below[()] if () in below else _changed(module.get_submodule(first), below)
    return view_of(module, own)


def _scaled(features: Tensor, size: Size, method: str) -> Tensor:
    if tuple(features.shape[2:]) == size:
        return features
    if method == "bislerp":
        return bislerp(features, size[1], size[0])
    return interpolate(features, size, mode=method)


class _Before(nn.Module):
    """A layer that is given smaller features."""

    def __init__(self, module: nn.Module, target: Size | None, shrink: Shrink) -> None:
        super().__init__()
        self.module, self.shrink = module, shrink

    def forward(self, features: Tensor, *rest: Any, **named: Any) -> Any:
        height, width = features.shape[2:]
        return self.module(_scaled(features, self.shrink.smaller((height, width)), self.shrink.down), *rest, **named)


class _After(nn.Module):
    """A layer whose result is brought to a size; without one it is made smaller."""

    def __init__(self, module: nn.Module, target: Size | None, shrink: Shrink) -> None:
        super().__init__()
        self.module, self.target, self.shrink = module, target, shrink

    def forward(self, *given: Any, **named: Any) -> Any:
        found = self.module(*given, **named)
        return (self._fitted(found[0]),) if isinstance(found, tuple) else self._fitted(found)

    def _fitted(self, features: Tensor) -> Tensor:
        if self.target is not None:
            return _scaled(features, self.target, self.shrink.up)
        height, width = features.shape[2:]
        return _scaled(features, self.shrink.smaller((height, width)), self.shrink.down)


class _Upsampler(nn.Module):
    """An upsampler that goes to the size of the skip connection it meets."""

    def __init__(self, module: nn.Module, target: Size) -> None:
        super().__init__()
        self.module, self.target = module, target

    def forward(self, features: Tensor, *_: Any) -> Tensor:
        found: Tensor = self.module(features, torch.Size(self.target))
        return found
