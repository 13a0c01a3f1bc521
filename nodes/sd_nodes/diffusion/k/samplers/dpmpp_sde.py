"""DPM-Solver++ for the stochastic equation (arXiv:2211.01095, appendix A; SEEDS, arXiv:2305.14267).

With `h` the rise of the half log ratio in a step, `eta` of the noise of the reverse process is added, and what is
denoised decays with (1 + eta) * h.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor

from sd_nodes.diffusion.k.run import (
    Run,
    Step,
    Steps,
    ancestral,
    between,
    exponential_step,
    log_ratio,
    phi_2,
    phi_3,
)


def dpmpp_sde(
    run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0, r: float = 0.5
) -> Steps:
    """Takes two stages a step, each with noise of its own (DPM-Solver++(2S) for the stochastic equation)."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            middle, share = between(sigma, following, r), 1 / (2 * r)
            half = _stage(run, x, denoised, (sigma, middle), eta, s_noise)
            mixed = (1 - share) * denoised + share * run(half, middle)
            x = _stage(run, x, mixed, (sigma, following), eta, s_noise)
        else:
            x = denoised
        yield Step(x, denoised)


def dpmpp_2m_sde(
    run: Run,
    x: Tensor,
    sigmas: Sequence[float],
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver: Literal["midpoint", "heun"] = "midpoint",
) -> Steps:
    """Extrapolates from the last two predictions, by the rule of the middle or by the trapezoid's."""
    last: tuple[Tensor, float] | None = None
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            h = log_ratio(sigma, following)
            decay = (1 + eta) * h
            x = _decayed(x, denoised, h, eta)
            if last is not None:
                share = -math.expm1(-decay) / 2 if solver == "midpoint" else decay * phi_2(-decay)
                x = x + share * (h / last[1]) * (denoised - last[0])
            x, last = x + _fresh(run, sigma, following, eta, s_noise), (denoised, h)
        else:
            x = denoised
        yield Step(x, denoised)


def dpmpp_3m_sde(run: Run, x: Tensor, sigmas: Sequence[float], eta: float = 1.0, s_noise: float = 1.0) -> Steps:
    """Extrapolates from the last three predictions."""
    past: list[tuple[Tensor, float]] = []
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        if following:
            h = log_ratio(sigma, following)
            x = _decayed(x, denoised, h, eta) + _bend(denoised, h, past, (1 + eta) * h)
            x = x + _fresh(run, sigma, following, eta, s_noise)
            past = [(denoised, h), *past[:1]]
        else:
            x = denoised
        yield Step(x, denoised)


def _stage(run: Run, x: Tensor, denoised: Tensor, levels: tuple[float, float], eta: float, s_noise: float) -> Tensor:
    down, up = ancestral(*levels, eta)
    lower = exponential_step(x, denoised, log_ratio(levels[0], down))
    return lower + run.noise(*levels) * (s_noise * up) if eta and s_noise else lower


def _decayed(x: Tensor, denoised: Tensor, h: float, eta: float) -> Tensor:
    """The step of first order, without its noise."""
    decay = (1 + eta) * h
    return math.exp(-decay) * x - math.expm1(-decay) * denoised


def _fresh(run: Run, sigma: float, following: float, eta: float, s_noise: float) -> Tensor | float:
    if not eta or not s_noise:
        return 0.0
    part = math.sqrt(-math.expm1(-2 * eta * log_ratio(sigma, following)))
    return run.noise(sigma, following) * (following * part * s_noise)


def _bend(denoised: Tensor, h: float, past: Sequence[tuple[Tensor, float]], decay: float) -> Tensor | float:
    """What the change of the prediction, and the change of its change, add to a step."""
    if not past:
        return 0.0
    first, second = decay * phi_2(-decay), decay * phi_3(-decay)
    r0 = past[0][1] / h
    change = (denoised - past[0][0]) / r0
    if len(past) == 1:
        return first * change
    r1 = past[1][1] / h
    before = (past[0][0] - past[1][0]) / r1
    curve = (change - before) / (r0 + r1)
    return first * (change + curve * r0) + second * curve
