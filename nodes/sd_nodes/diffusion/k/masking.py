"""Inpainting: latents are denoised where a mask is 1, and stay what they were where it is 0."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sd_nodes.diffusion.k.levels import Levels
from sd_nodes.diffusion.k.regions import fitted_mask

Rule = Callable[[Tensor, float], Tensor]
"""What becomes of the mask at a noise level."""


@dataclass(frozen=True)
class Kept:
    """The region that is kept.

    Args:
        mask: 1 where noise is denoised, [batch, channel, height, width].
        latents: The original latents, clean.
        noise: The noise that the kept region bears on the way.
        rule: What becomes of the mask at a noise level; nothing if there is none.
        flow: The signal falls as the noise rises, as in flow models.
    """

    mask: Tensor
    latents: Tensor
    noise: Tensor
    rule: Rule | None = None
    flow: bool = False

    def at(self, sigma: float) -> Tensor:
        """Returns the mask at a noise level."""
        return self.mask if self.rule is None else self.rule(self.mask, sigma)

    def before(self, x: Tensor, mask: Tensor, sigma: float) -> Tensor:
        """Puts the original, with noise of a level, into the kept region of noisy latents."""
        signal = self.latents * (1 - sigma) if self.flow else self.latents
        return x * mask + (signal + sigma * self.noise) * (1 - mask)

    def after(self, denoised: Tensor, mask: Tensor) -> Tensor:
        """Puts the original into the kept region of what latents denoise to."""
        return denoised * mask + self.latents * (1 - mask)


def latent_mask(mask: Tensor, latents: Tensor) -> Tensor:
    """Fits masks [masks, height, width] to latents: soft edges stay soft, few masks serve many latents in turn."""
    fitted = fitted_mask(mask.reshape(-1, *mask.shape[-2:]), *latents.shape[2:]).to(latents)
    each = fitted[torch.arange(len(latents), device=fitted.device) % len(fitted)]
    return each[:, None].expand(latents.shape)


def gradual(levels: Levels, sigmas: Sequence[float], strength: float = 1.0) -> Rule:
    """Lets each place begin the later, the darker the mask is there (differential diffusion, arXiv:2306.00950).

    Args:
        levels: The model's noise levels.
        sigmas: The levels of the run.
        strength: How much of the threshold counts beside the mask itself, 0 to 1.
    """
    first = levels.timestep(sigmas[0])
    last = levels.timestep(max(sigmas[-1], float(levels.sigmas[0])))
    way = first - last or math.nan  # no place begins in a run that goes nowhere

    def thresholded(mask: Tensor, sigma: float) -> Tensor:
        threshold = (levels.timestep(sigma) - last) / way
        begun = (mask >= threshold).to(mask.dtype)
        return strength * begun + (1 - strength) * mask if 0 < strength < 1 else begun

    return thresholded
