"""What a sampler is given, what it gives back, and the pieces of formulas that several samplers share."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sd_nodes.diffusion.k.noise import Noise


class Denoised(NamedTuple):
    """What noisy latents denoise to.

    Args:
        guided: With guidance; where there is a noise mask, the kept region is that of the original latents.
        unguided: By the negative prompt alone, without a mask.
    """

    guided: Tensor
    unguided: Tensor


class Step(NamedTuple):
    """Where a sampler is after a step: the latents at the next noise level, and what they were last denoised to."""

    latents: Tensor
    denoised: Tensor


Steps = Iterator[Step]


@dataclass(frozen=True)
class Run:
    """The model as a sampler sees it, and its noise.

    Args:
        denoiser: Denoises latents at a noise level.
        noise: Draws noise for the way from one level to a lower one.
        window: The noise levels between which samplers with a stochastic middle part add noise, from and to.
        flow: The model is one of flows: the signal falls as the noise rises.
        fresh: Draws noise in the shape of latents, for samplers that change it.
    """

    denoiser: Callable[[Tensor, float], Denoised]
    noise: Noise
    window: tuple[float, float] = (math.inf, 0.0)
    fresh: Callable[[Tensor], Tensor] = torch.randn_like
    flow: bool = False

    def __call__(self, latents: Tensor, sigma: float) -> Tensor:
        """Denoises with guidance."""
        return self.denoiser(latents, sigma).guided


Sampler = Callable[[Run, Tensor, Sequence[float]], Steps]
"""Goes down the noise levels and gives each step as it is done; over one level or none, it gives none."""


class Ancestral(NamedTuple):
    """A step down to a level below the wanted one, and the noise that lifts it there."""

    down: float
    up: float


def ancestral(sigma: float, following: float, eta: float) -> Ancestral:
    """Splits a step into denoising and fresh noise, in float32.

    A long step goes down to nearly zero, and how nearly is a difference of numbers almost alike: methods that look
    half way there in the logarithm see the rounding, and so does every picture that was drawn by them.

    Args:
        sigma: The level to start from.
        following: The level to reach; from above the level of the start all that was noise is drawn anew.
        eta: How much noise is added: 0 none, 1 as much as the reverse of the diffusion process has.
    """
    if not eta:
        return Ancestral(following, 0.0)
    start, end = np.float32(sigma), np.float32(following)
    if end > start:
        return Ancestral(0.0, following)
    up = min(end, np.float32(eta) * np.sqrt(end**2 * (start**2 - end**2) / start**2))
    return Ancestral(float(np.sqrt(end**2 - up**2)), float(up))


def slope(latents: Tensor, denoised: Tensor, sigma: float) -> Tensor:
    """Returns the derivative of latents by sigma (arXiv:2206.00364, equation 3)."""
    return (latents - denoised) / sigma


def log_ratio(sigma: float, following: float) -> float:
    """Returns the rise of half the logarithm of the signal-to-noise ratio between two levels; infinite to zero."""
    return math.log(sigma) - math.log(following) if following else math.inf


def between(sigma: float, following: float, part: float) -> float:
    """Returns the level a part of the way down in the logarithm, rounded to float32.

    Brownian paths are cut at the levels they are asked for, so the same number must always come out.
    """
    start, end = (torch.tensor(level, dtype=torch.float32).log().neg() for level in (sigma, following))
    return float((start + part * (end - start)).neg().exp())


def exponential_step(latents: Tensor, denoised: Tensor, h: float) -> Tensor:
    """Solves the diffusion equation over a rise of `h` in the half log ratio, as if `denoised` were constant."""
    return math.exp(-h) * latents - math.expm1(-h) * denoised


def phi_1(x: float) -> float:
    """Returns (e^x - 1) / x."""
    return math.expm1(x) / x


def phi_2(x: float) -> float:
    """Returns (phi_1(x) - 1) / x."""
    return (phi_1(x) - 1) / x


def phi_3(x: float) -> float:
    """Returns (phi_2(x) - 1/2) / x."""
    return (phi_2(x) - 0.5) / x
