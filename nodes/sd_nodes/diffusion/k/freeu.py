"""FreeU (arXiv:2309.11497): a UNet whose decoder trusts its own features more and the skip connections less."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from sd_nodes.diffusion.views import view_of


@dataclass(frozen=True)
class Scales:
    """How features of one width are changed.

    Args:
        backbone: What half of the decoder's own channels are multiplied by.
        skip: What the lowest frequencies of the skip connection are multiplied by.
    """

    backbone: float
    skip: float


def with_freeu(unet: UNet2DConditionModel, wide: Scales, narrow: Scales, by_mean: bool = False) -> UNet2DConditionModel:
    """Returns a view of a UNet with FreeU.

    Args:
        unet: The model; it stays as it is. It may be such a view itself: the scales given here are then applied first.
        wide: For features four times as wide as the first layer's.
        narrow: For features twice as wide.
        by_mean: Scales each place by how strong the features are there on the mean (version 2 of the paper).
    """
    first = unet.config.block_out_channels[0]
    scales = {4 * first: wide, 2 * first: narrow}
    width, blocks = unet.config.block_out_channels[-1], []
    for block in unet.up_blocks:
        resnets = []
        for resnet in block.resnets:
            resnets.append(_Scaled(resnet, width, scales, by_mean))
            width = resnet.out_channels
        blocks.append(view_of(block, {"resnets": nn.ModuleList(resnets)}))
    return cast("UNet2DConditionModel", view_of(unet, {"up_blocks": nn.ModuleList(blocks)}))


class _Scaled(nn.Module):
    """A block of the decoder; its input is the decoder's own features, and those of the skip connection behind them."""

    def __init__(self, resnet: nn.Module, width: int, scales: Mapping[int, Scales], by_mean: bool) -> None:
        super().__init__()
        self.resnet, self.width, self.scales, self.by_mean = resnet, width, scales.get(width), by_mean
        self.out_channels = resnet.out_channels

    def forward(self, features: Tensor, *rest: Tensor) -> Tensor:
        if self.scales is not None:
            own, skip = features[:, : self.width].clone(), features[:, self.width :]
            own[:, : self.width // 2] *= self._factor(own, self.scales.backbone)
            features = torch.cat([own, _quieted(skip, self.scales.skip)], dim=1)
        result: Tensor = self.resnet(features, *rest)
        return result

    def _factor(self, own: Tensor, scale: float) -> Tensor | float:
        if not self.by_mean:
            return scale
        mean = own.mean(1, keepdim=True)
        low, high = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
        return (scale - 1) * (mean - low) / (high - low) + 1


def _quieted(features: Tensor, scale: float) -> Tensor:
    """Scales the four lowest frequencies around zero."""
    spectrum = torch.fft.fftshift(torch.fft.fft2(features.float()), dim=(-2, -1))
    row, column = (side // 2 for side in features.shape[2:])
    spectrum[..., row - 1 : row + 1, column - 1 : column + 1] *= scale
    filtered: Tensor = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real
    return filtered.to(features.dtype)
