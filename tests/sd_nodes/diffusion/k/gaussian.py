"""A model whose answers are known: clean latents are normally distributed, so denoising has a closed form."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sd_nodes.diffusion.k.run import Denoised, Run, Sampler
from sd_nodes.diffusion.k.schedules import Sigmas, karras

MEAN, DEVIATION = 0.7, 1.3
HIGH, LOW = 10.0, 0.5


def denoise(x: Tensor, sigma: float) -> Tensor:
    """The mean of clean latents that became x."""
    return (DEVIATION**2 * x + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


def exact(x: Tensor, sigma: float, following: float) -> Tensor:
    """Where the probability flow takes x."""
    return MEAN + (x - MEAN) * math.sqrt((DEVIATION**2 + following**2) / (DEVIATION**2 + sigma**2))


def silent(_sigma: float, _following: float) -> Tensor:
    raise AssertionError("A deterministic sampler asked for noise.")


class Counted:
    """A run that counts its evaluations."""

    def __init__(self, seed: int | None = None) -> None:
        self.levels: list[float] = []
        generator = torch.Generator().manual_seed(seed or 0)
        noise = silent if seed is None else lambda *_: torch.randn(20_000, generator=generator, dtype=torch.float64)
        self.run = Run(self._denoiser, noise)

    def _denoiser(self, x: Tensor, sigma: float) -> Denoised:
        self.levels.append(sigma)
        found = denoise(x, sigma)
        return Denoised(found, found)


def levels(steps: int, low: float = LOW) -> Sigmas:
    """Noise levels that stop above zero."""
    return karras(low, HIGH, steps + 1, rho=3.0)[:-1]


def last(sampler: Sampler, run: Run, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """What a sampler ends with."""
    for step in sampler(run, x, sigmas):
        x = step.latents
    return x


def start(count: int = 16) -> Tensor:
    """Noisy latents at the highest level."""
    return torch.linspace(-20, 20, count, dtype=torch.float64)


def error(sampler: Sampler, steps: int) -> float:
    """How far a sampler's end is from where the probability flow leads."""
    x = start()
    sigmas = levels(steps)
    return float((last(sampler, Counted().run, x, sigmas) - exact(x, sigmas[0], sigmas[-1])).abs().max())
