"""Methods of first order, and those that correct them by looking ahead within a step."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps, ancestral, between, slope


def euler(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Follows the slope at the start of each step (arXiv:2206.00364, algorithm 1 without correction)."""
    yield from euler_ancestral(run, x, sigmas, eta=0.0)


def euler_ancestral(run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0) -> Steps:
    """Follows the slope to below the next level, and adds fresh noise; from zero, where much is added, it adds none."""
    if run.flow and eta:
        yield from _flowing_ancestral(run, x, sigmas, eta, s_noise)
        return
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        down, up = ancestral(sigma, following, eta)
        x = x + slope(x, denoised, sigma) * (down - sigma) if down else denoised
        if down and eta:
            x = x + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)


def _flowing_ancestral(run: Run, x: Tensor, sigmas: Sequence[float], eta: float, s_noise: float) -> Steps:
    """Does the same for a flow model, where noise that is added takes signal away."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if not following:
            yield Step(denoised, denoised)
            return
        down = following * (1 + (following / sigma - 1) * eta)
        signal = (1 - following) / (1 - down)
        up = math.sqrt(following**2 - (down * signal) ** 2)
        x = signal * (denoised + (x - denoised) * (down / sigma)) + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)


def euler_cfg_pp(run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 0.0, s_noise: float = 1.0) -> Steps:
    """Renoises the guided prediction along the unguided slope (CFG++, arXiv:2406.08070)."""
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        down, up = ancestral(sigma, following, eta)
        x = denoised + down * slope(x, unguided, sigma) if following else denoised
        if following and eta and s_noise:
            x = x + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)


def euler_cfg_pp_alternative(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Adds what guidance changed to the slope (another reading of CFG++)."""
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        x = x + slope(x - denoised + unguided, denoised, sigma) * (following - sigma)
        yield Step(x, denoised)


def heun(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Averages the slopes at both ends of a step (arXiv:2206.00364, algorithm 1)."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        d = slope(x, denoised, sigma)
        if following:
            ahead = x + d * (following - sigma)
            d = (d + slope(ahead, run(ahead, following), following)) / 2
        x = x + d * (following - sigma)
        yield Step(x, denoised)


def heunpp2(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Weighs the slopes at up to three levels by how deep they lie, deeper ones more (Heun++)."""
    for index, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run(x, sigma)
        slopes, ahead, here = [slope(x, denoised, sigma)], x, sigma
        looked = [level for level in sigmas[index + 1 : index + 3] if level != sigmas[-1]]
        for level in looked:
            ahead, here = ahead + slopes[-1] * (level - here), level
            slopes.append(slope(ahead, run(ahead, level), level))
        weights = [level / (len(slopes) * sigmas[0]) for level in looked]
        weighed = zip((1 - sum(weights), *weights), slopes, strict=True)
        x = x + sum(weight * d for weight, d in weighed) * (following - sigma)
        yield Step(x, denoised)


def dpm_2(run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 0.0, s_noise: float = 1.0) -> Steps:
    """Takes the slope in the logarithmic middle of a step (DPM-Solver-2, arXiv:2206.00927, in sigma)."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        down, up = ancestral(sigma, following, eta)
        d = slope(x, denoised, sigma)
        if down:
            middle = between(sigma, down, 0.5)
            half = x + d * (middle - sigma)
            d = slope(half, run(half, middle), middle)
        x = x + d * (down - sigma)
        if down and eta:
            x = x + run.noise(sigma, following) * (s_noise * up)
        yield Step(x, denoised)
