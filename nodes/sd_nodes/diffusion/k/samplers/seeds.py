"""SEEDS (arXiv:2305.14267) in two and three stages, and the extended reverse-time solver (arXiv:2309.06169)."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps, between, log_ratio, phi_2


def seeds_2(
    run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0, r: float = 0.5
) -> Steps:
    """Evaluates once within each step; the noise of its parts adds up to the noise of the step."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            stages = _Stages(run, x, (sigma, following), eta, s_noise)
            middle = stages.to(r, denoised, -math.expm1(-r * stages.decay))
            later = run(middle, stages.level(r))
            share = 1 / (2 * r)
            x = stages.to(1.0, denoised + share * (later - denoised), -math.expm1(-stages.decay))
        else:
            x = denoised
        yield Step(x, denoised)


def seeds_3(
    run: Run,
    x: Tensor,
    sigmas: Sequence[float],
    eta: float = 1.0,
    s_noise: float = 1.0,
    r1: float = 1 / 3,
    r2: float = 2 / 3,
) -> Steps:
    """Evaluates twice within each step."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            stages = _Stages(run, x, (sigma, following), eta, s_noise)
            first, second, whole = (part * stages.decay for part in (r1, r2, 1.0))
            later = run(stages.to(r1, denoised, -math.expm1(-first)), stages.level(r1))
            bend = second * phi_2(-second) * (r2 / r1)
            mixed = denoised * (-math.expm1(-second)) + bend * (later - denoised)
            last = run(stages.to(r2, mixed, 1.0), stages.level(r2))
            bend = whole * phi_2(-whole) / r2
            x = stages.to(1.0, denoised * (-math.expm1(-whole)) + bend * (last - denoised), 1.0)
        else:
            x = denoised
        yield Step(x, denoised)


class _Stages:
    """The way from one level to the next, and the noise gathered on it so far."""

    def __init__(self, run: Run, x: Tensor, levels: tuple[float, float], eta: float, s_noise: float) -> None:
        self.run, self.x, self.levels, self.eta, self.s_noise = run, x, levels, eta, s_noise
        self.h = log_ratio(*levels)
        self.decay = (1 + eta) * self.h
        self.gathered: Tensor | float = 0.0
        self.part = 0.0

    def level(self, part: float) -> float:
        """The noise level a part of the way down in the logarithm."""
        if part in (0.0, 1.0):
            return self.levels[int(part)]
        return between(*self.levels, part)

    def to(self, part: float, predicted: Tensor, weight: float) -> Tensor:
        """Goes from the start to a part of the way, further than before, and adds the noise gathered."""
        lower = math.exp(-part * self.decay) * self.x + weight * predicted
        if not self.eta or not self.s_noise:
            return lower
        way = (part - self.part) * self.h * self.eta
        fresh = self.run.noise(self.level(self.part), self.level(part)) * math.sqrt(-math.expm1(-2 * way))
        self.gathered, self.part = self.gathered * math.exp(-way) + fresh, part
        return lower + self.gathered * (self.level(part) * self.s_noise)


INTEGRATION_POINTS = 200
"""How many points the integrals of the extended reverse-time solver are summed over."""


def _growing(sigma: float) -> float:
    """How noise shrinks in the solver's recommended form: faster than sigma where there is much of it."""
    return sigma * (math.exp(sigma**0.3) + 10.0)


def er_sde(
    run: Run,
    x: Tensor,
    sigmas: Sequence[float],
    s_noise: float = 1.0,
    scale: Callable[[float], float] = _growing,
    order: int = 3,
) -> Steps:
    """Solves an extended reverse-time equation, in which `scale` says how noise shrinks, in up to three stages."""
    past: list[tuple[float, Tensor]] = []
    changes: list[Tensor] = []
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            ratio, step = scale(following) / scale(sigma), following - sigma
            x = ratio * x + (1 - ratio) * denoised
            weights = _integrals(sigma, following, scale)
            if past and order >= 2:
                change = (denoised - past[0][1]) / (sigma - past[0][0])
                x = x + (step + weights[0] * scale(following)) * change
                if changes and order >= 3:
                    curve = (change - changes[0]) / ((sigma - past[1][0]) / 2)
                    x = x + (step**2 / 2 + weights[1] * scale(following)) * curve
                changes = [change]
            left = following**2 - sigma**2 * ratio**2
            if s_noise:
                x = x + run.noise(sigma, following) * (s_noise * math.sqrt(max(left, 0.0)))
            past = [(sigma, denoised), *past[:1]]
        else:
            x = denoised
        yield Step(x, denoised)


def _integrals(sigma: float, following: float, scale: Callable[[float], float]) -> tuple[float, float]:
    """The integrals of 1 / scale and of (level - sigma) / scale over a step, as sums from the lower end."""
    width = (sigma - following) / INTEGRATION_POINTS
    levels = following + np.arange(INTEGRATION_POINTS) * width
    scales = np.array([scale(float(level)) for level in levels])
    return float((1 / scales).sum() * width), float(((levels - sigma) / scales).sum() * width)
