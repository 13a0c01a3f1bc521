"""A network that is not the same at every noise level, or for latents of every size."""

from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_nodes.diffusion.control import Residuals
from sd_nodes.diffusion.k.levels import Levels
from sd_nodes.diffusion.merging import with_merged_tokens
from sd_nodes.diffusion.shrinking import Shrink, skip_sizes, with_shrunk_features


@dataclass(frozen=True)
class Stepwise:
    """How a network is changed.

    Args:
        levels: The model's noise levels.
        shrink: How features are made smaller, or None.
        start: The part of the noise levels after which they are.
        end: The part after which they are no more.
        merged: Which part of the tokens is merged where it attends to itself, 0 to 1.
        generator: Draws which tokens others are merged into.
    """

    levels: Levels
    shrink: Shrink | None = None
    start: float = 0.0
    end: float = 1.0
    merged: float = 0.0
    generator: torch.Generator | None = None

    def __call__(self, unet: UNet2DConditionModel, sigma: float, size: tuple[int, int]) -> UNet2DConditionModel:
        """Returns a view of a network for one noise level, and latents of this height and width."""
        if self.merged and self.generator is not None:
            unet = with_merged_tokens(unet, self.merged, size, self.generator)
        shrink = self._shrink(sigma)
        return unet if shrink is None else with_shrunk_features(unet, shrink, size)

    def fitted(
        self, residuals: Residuals, unet: UNet2DConditionModel, sigma: float, size: tuple[int, int]
    ) -> Residuals:
        """Returns what ControlNets add to a network, without what lies on features that are smaller now."""
        shrink = self._shrink(sigma)
        if shrink is None:
            return residuals
        sizes = skip_sizes(unet, shrink, size)
        inner = shrink.smaller(sizes[-1]) if shrink.after_skip and shrink.block == len(sizes) - 1 else sizes[-1]
        down = [_or_nothing(one, wanted) for one, wanted in zip(residuals.down, sizes, strict=True)]
        return Residuals(down, _or_nothing(residuals.mid, inner))

    def _shrink(self, sigma: float) -> Shrink | None:
        inside = self.levels.at_percent(self.end) <= sigma <= self.levels.at_percent(self.start)
        return self.shrink if inside else None


def _or_nothing(residual: Tensor, size: tuple[int, int]) -> Tensor:
    return residual if tuple(residual.shape[2:]) == size else residual.new_zeros(*residual.shape[:2], *size)
