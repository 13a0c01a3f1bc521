"""DPM-Solver++ (arXiv:2211.01095): exponential integrators of the prediction of clean latents."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps, ancestral, between, exponential_step, log_ratio, slope


def dpmpp_2s_ancestral(run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0) -> Steps:
    """Evaluates once more in the logarithmic middle of a step (algorithm 1 with r = 1/2), and adds fresh noise."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        down, up = ancestral(sigma, following, eta)
        if down:
            middle, h = between(sigma, down, 0.5), log_ratio(sigma, down)
            x = exponential_step(x, run(exponential_step(x, denoised, h / 2), middle), h)
        else:
            x = denoised
        if following and eta:
            x = x + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)


def dpmpp_2s_ancestral_cfg_pp(
    run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0
) -> Steps:
    """Renoises both stages along the unguided slope (CFG++, arXiv:2406.08070)."""
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        down, up = ancestral(sigma, following, eta)
        if down:
            middle, h = between(sigma, down, 0.5), log_ratio(sigma, down)
            half = exponential_step(x + denoised - unguided, denoised, h / 2)
            later, later_unguided = run.denoiser(half, middle)
            x = exponential_step(x + denoised - later_unguided, later, h)
        else:
            x = denoised + slope(x, unguided, sigma) * down
        if following and eta:
            x = x + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)


def dpmpp_2m(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Extrapolates from the last two predictions (algorithm 2); the step to zero is of first order."""
    last: tuple[Tensor, float] | None = None
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if not following:
            x = denoised
        else:
            h, extrapolated = log_ratio(sigma, following), denoised
            if last is not None:
                extrapolated = denoised + (denoised - last[0]) * (h / (2 * last[1]))
            x, last = exponential_step(x, extrapolated, h), (denoised, h)
        yield Step(x, denoised)


def dpmpp_2m_cfg_pp(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Renoises along the unguided slope, extrapolated from its last prediction (CFG++, arXiv:2406.08070)."""
    last: tuple[Tensor, float] | None = None
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        if not following:
            x = denoised
        else:
            h = log_ratio(sigma, following)
            x = denoised + math.exp(-h) * (x - unguided)
            if last is not None:
                x = x - math.expm1(-h) * (h / (2 * last[1])) * (denoised - last[0])
            last = unguided, h
        yield Step(x, denoised)
