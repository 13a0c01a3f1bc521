"""Methods that remember slopes of earlier steps: Adams-Bashforth in its variants, and gradient estimation."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps, slope

Weights = Callable[[Sequence[float], int, int], Sequence[float]]
"""The weights of the last slopes, newest first, for the step from a number and with so many slopes."""


def lms(run: Run, x: Tensor, sigmas: Sequence[float], order: int = 4) -> Steps:
    """Integrates the polynomial through the last slopes over each step (Adams-Bashforth with steps of any size)."""
    yield from _remembering(run, x, sigmas, order, _polynomial_weights)


def ipndm(run: Run, x: Tensor, sigmas: Sequence[float], order: int = 4) -> Steps:
    """Mixes the last slopes as if all steps were equally large (arXiv:2204.13902, iPNDM)."""
    yield from _remembering(run, x, sigmas, order, _even_weights)


def ipndm_v(run: Run, x: Tensor, sigmas: Sequence[float], order: int = 4) -> Steps:
    """Mixes the last slopes by the published weights for steps of uneven size (iPNDM-v)."""
    yield from _remembering(run, x, sigmas, order, _uneven_weights)


def deis(run: Run, x: Tensor, sigmas: Sequence[float], order: int = 3) -> Steps:
    """Integrates the polynomial through the last slopes over the time of a diffusion process (arXiv:2204.13902)."""
    yield from _remembering(run, x, sigmas, order, _time_weights)


def gradient_estimation(run: Run, x: Tensor, sigmas: Sequence[float], gamma: float = 2.0) -> Steps:
    """Corrects each slope by how it changed since the last one (arXiv:2306.04848)."""
    last: Tensor | None = None
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        d = slope(x, denoised, sigma)
        estimated = d if last is None else d + (gamma - 1) * (d - last)
        x = x + estimated * (following - sigma) if following else denoised
        last = d
        yield Step(x, denoised)


def gradient_estimation_cfg_pp(run: Run, x: Tensor, sigmas: Sequence[float], gamma: float = 2.0) -> Steps:
    """Estimates gradients along the unguided slope (arXiv:2306.04848 with CFG++, arXiv:2406.08070)."""
    last: Tensor | None = None
    for sigma, following in pairwise(sigmas):
        denoised, unguided = run.denoiser(x, sigma)
        d = slope(x, unguided, sigma)
        x = denoised + d * following
        if last is not None and following:
            x = x + (gamma - 1) * (d - last) * (following - sigma)
        last = d
        yield Step(x, denoised)


def _remembering(run: Run, x: Tensor, sigmas: Sequence[float], order: int, weights: Weights) -> Steps:
    slopes: list[Tensor] = []
    for index, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run(x, sigma)
        slopes = [slope(x, denoised, sigma), *slopes[: order - 1]]
        if following:
            parts = zip(weights(sigmas, index, len(slopes)), slopes, strict=True)
            x = x + reduce(torch.add, (weight * d for weight, d in parts))
        else:
            x = denoised
        yield Step(x, denoised)


def _polynomial_weights(sigmas: Sequence[float], index: int, count: int) -> list[float]:
    start, end = sigmas[index], sigmas[index + 1]
    nodes = [sigmas[index - back] for back in range(count)]
    integrals = (_lagrange([node - start for node in nodes], one).integ() for one in range(count))
    return [float(integral(end - start)) for integral in integrals]


def _lagrange(nodes: Sequence[float], one: int) -> Polynomial:
    """The polynomial that is 1 at one of the nodes and 0 at the others."""
    others = [node for place, node in enumerate(nodes) if place != one]
    scale = math.prod(nodes[one] - other for other in others)
    return Polynomial.fromroots(others) / scale if others else Polynomial([1.0])


EVEN = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""The weights of Adams-Bashforth methods for equally large steps, by order."""


def _even_weights(sigmas: Sequence[float], index: int, count: int) -> list[float]:
    step = sigmas[index + 1] - sigmas[index]
    return [step * weight for weight in EVEN[count - 1]]


def _uneven_weights(sigmas: Sequence[float], index: int, count: int) -> list[float]:
    """The weights in the form everybody computes them: to third order right where steps are even, not beyond.

    They are those of Adams-Bashforth with a slip in the second and third difference; pictures depend on it.
    """
    h = sigmas[index + 1] - sigmas[index]
    h1, h2, h3 = (sigmas[index - back] - sigmas[index - back - 1] if back < index else 1.0 for back in range(3))
    q, p = h1 / h2, h1 * (h1 + h2) / (h2 * (h2 + h3))
    reach = h + h1 + h2
    second = (1 - h**2 / (3 * h1 * (h1 + h2))) / 2
    third = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * reach)
    third *= h * (h + h1) * reach / (h1 * (h1 + h2) * (h1 + h2 + h3))
    differences = (
        (1.0, (1.0,)),
        (h / (2 * h1), (1.0, -1.0)),
        (second, (1.0, -1 - q, q)),
        (third, (1.0, -1 - q - p, q + p * (1 + h2 / h3), -p * q)),
    )
    weights = [0.0] * count
    for share, parts in differences[:count]:
        for place, part in enumerate(parts):
            weights[place] += h * share * part
    return weights


EPSILON, LOWEST, HIGHEST = 1e-3, 0.002, 80.0
"""The time at which the diffusion process begins, and its noise levels then and at time 1."""

POINTS = 10_000
"""How many points the integrals over time are averaged over."""


def _time_weights(sigmas: Sequence[float], index: int, count: int) -> list[float]:
    """The integrals of the polynomials in time t over sigma, where sigma^2 + 1 = exp(slope * t^2 / 2 + offset * t)."""
    if count == 1:
        return [sigmas[index + 1] - sigmas[index]]
    low, high = math.log1p(LOWEST**2), math.log1p(HIGHEST**2)
    rise = 2 * (low / EPSILON - high) / (EPSILON - 1)
    offset = high - rise / 2
    logarithms = np.log1p(np.square(np.asarray(sigmas[max(index - count + 1, 0) : index + 2])))
    times = (np.sqrt(offset**2 + 2 * rise * logarithms) - offset) / rise
    start, end = times[-2], times[-1]
    points = np.linspace(start, end, POINTS)
    growth = np.exp(rise * points**2 / 2 + offset * points)
    speed = (rise * points + offset) * growth / (2 * np.sqrt(growth - 1))
    nodes = times[-2::-1][:count].tolist()
    return [float(np.mean(speed * _lagrange(nodes, one)(points)) * (end - start)) for one in range(count)]
