"""Refined exponential solvers (arXiv:2308.02157): the multistep form of second order."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps, ancestral, log_ratio, phi_1, phi_2, slope


def _res_multistep(
    run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 0.0, s_noise: float = 1.0, cfg_pp: bool = False
) -> Steps:
    """Extrapolates from the last two predictions; with CFG++ from the unguided ones, and renoises along them."""
    last: tuple[Tensor, float, float] | None = None
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        predicted = unguided if cfg_pp else denoised
        down, up = ancestral(sigma, following, eta)
        shifted = x + (denoised - predicted)
        if down and last is not None:
            x = _second_order(shifted, predicted, (sigma, down), last)
        else:
            x = shifted + slope(x, predicted, sigma) * (down - sigma)
        if following and eta:
            x = x + run.noise(sigma, following) * (s_noise * up)
        last = predicted, sigma, down
        yield Step(x, denoised)


def _second_order(
    x: Tensor, predicted: Tensor, levels: tuple[float, float], last: tuple[Tensor, float, float]
) -> Tensor:
    """The step between two levels; `last` is the last prediction, its level, and the level it was denoised to."""
    earlier, before, reached = last
    h = log_ratio(*levels)
    place = -log_ratio(before, reached) / h
    second = phi_2(-h) / place
    scale = levels[1] / levels[0]
    return scale * x + h * ((phi_1(-h) - second) * predicted + second * earlier)


res_multistep = _res_multistep
res_multistep_cfg_pp = partial(_res_multistep, cfg_pp=True)
res_multistep_ancestral = partial(_res_multistep, eta=1.0)
res_multistep_ancestral_cfg_pp = partial(_res_multistep, eta=1.0, cfg_pp=True)
