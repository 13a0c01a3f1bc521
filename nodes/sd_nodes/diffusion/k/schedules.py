"""Which noise levels a run visits: each schedule falls from the highest level to zero."""

import math
from collections.abc import Callable, Iterable
from itertools import groupby

import numpy as np
import torch
from scipy.stats import beta as beta_distribution
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError, did_you_mean
from sd_nodes.diffusion.k.levels import Levels

Sigmas = list[float]
"""Noise levels, falling, each a float32 number."""


def rounded(sigmas: Tensor | Iterable[float]) -> Sigmas:
    """Rounds noise levels to float32, in which node editors hand them on."""
    values: Sigmas = torch.as_tensor(sigmas if isinstance(sigmas, Tensor) else list(sigmas)).float().tolist()
    return values


def normal(levels: Levels, steps: int) -> Sigmas:
    """Spreads timesteps evenly from the last to the first, both included; zero follows, if that is not zero itself."""
    if _nearly_zero(levels.sigma(levels.timestep(float(levels.sigmas[0])))):
        return _evenly(levels, steps + 1, steps + 1)[:-1]
    return _evenly(levels, steps, steps)


def sgm_uniform(levels: Levels, steps: int) -> Sigmas:
    """Spreads timesteps evenly from the last to just above the first."""
    return _evenly(levels, steps, steps + 1)


def simple(levels: Levels, steps: int) -> Sigmas:
    """Takes every so many entries of the table, from the last."""
    each = len(levels.sigmas) / steps
    return [*(float(levels.sigmas[-1 - int(index * each)]) for index in range(steps)), 0.0]


def ddim_uniform(levels: Levels, steps: int) -> Sigmas:
    """Takes entries 1, 1 + k, 1 + 2k, ... of the table, k being its length over `steps`: often one step more."""
    zero = _nearly_zero(float(levels.sigmas[1]))
    each = max(len(levels.sigmas) // (steps + zero), 1)
    return [*levels.sigmas[1::each].flip(0).tolist(), *([] if zero else [0.0])]


def beta(levels: Levels, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Sigmas:
    """Takes entries at the quantiles of a beta distribution (arXiv:2407.12173); the same entry twice counts once.

    Raises:
        SettingError: A parameter is not over 0.
    """
    if alpha <= 0 or beta <= 0:
        raise SettingError(f"The beta distribution has {alpha:g} and {beta:g}; both must be over 0.")
    parts = 1 - np.linspace(0, 1, steps, endpoint=False)
    places = np.rint(beta_distribution.ppf(parts, alpha, beta) * (len(levels.sigmas) - 1)).astype(int)
    return [*(float(levels.sigmas[place]) for place, _ in groupby(places.tolist())), 0.0]


def linear_quadratic(levels: Levels, steps: int, threshold: float = 0.025) -> Sigmas:
    """Falls linearly by a small part in the first half of the steps, then quadratically (arXiv:2410.13720, 3.4.2)."""
    highest = float(levels.sigmas[-1])
    if steps == 1:
        return [highest, 0.0]
    linear = steps // 2
    rest, surplus = steps - linear, linear - threshold * steps
    square = surplus / (linear * rest**2)
    slope = threshold / linear - 2 * surplus / rest**2
    first = [threshold * index / linear for index in range(linear)]
    second = [square * (index**2 + linear**2) + slope * index for index in range(linear, steps)]
    return rounded(torch.tensor([1.0 - part for part in (*first, *second, 1.0)]) * highest)


def karras(lowest: float, highest: float, steps: int, rho: float = 7.0) -> Sigmas:
    """Spreads the rho-th roots of the levels evenly (arXiv:2206.00364, equation 5).

    Raises:
        SettingError: rho is 0.
    """
    if not rho:
        raise SettingError("rho is 0: there is no root of that degree; needed is more.")
    low, high = lowest ** (1 / rho), highest ** (1 / rho)
    return [*rounded((high + torch.linspace(0, 1, steps) * (low - high)) ** rho), 0.0]


def exponential(lowest: float, highest: float, steps: int) -> Sigmas:
    """Spreads the logarithms of the levels evenly.

    Raises:
        SettingError: A level is not over 0.
    """
    low, high = _logarithms(lowest, highest)
    return [*rounded(torch.linspace(high, low, steps).exp()), 0.0]


def polyexponential(lowest: float, highest: float, steps: int, rho: float = 1.0) -> Sigmas:
    """Lets the logarithm fall as a power of an even ramp.

    Raises:
        SettingError: A level is not over 0.
    """
    low, high = _logarithms(lowest, highest)
    return [*rounded((torch.linspace(1, 0, steps) ** rho * (high - low) + low).exp()), 0.0]


def kl_optimal(lowest: float, highest: float, steps: int) -> Sigmas:
    """Spreads the angles whose tangents are the levels evenly (arXiv:2404.14507, appendix)."""
    ramp = torch.arange(steps) / max(steps - 1, 1)
    return [*rounded((ramp * math.atan(lowest) + (1 - ramp) * math.atan(highest)).tan()), 0.0]


def variance_preserving(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, last: float = 1e-3) -> Sigmas:
    """Follows the continuous variance-preserving process (arXiv:2011.13456) from time 1 to `last`."""
    times = torch.linspace(1, last, steps)
    return [*rounded((beta_d * times**2 / 2 + beta_min * times).expm1().sqrt()), 0.0]


def laplace(lowest: float, highest: float, steps: int, mu: float = 0.0, beta: float = 0.5) -> Sigmas:
    """Takes the quantiles of a Laplace distribution of the logarithm (arXiv:2407.03297); no zero follows."""
    centred = 0.5 - torch.linspace(0, 1, steps)
    logarithms = mu - beta * centred.sign() * torch.log(1 - 2 * centred.abs() + 1e-5)
    return rounded(logarithms.exp().clamp(lowest, highest))


def turbo(levels: Levels, steps: int, denoise: float = 1.0) -> Sigmas:
    """Takes timesteps 999, 899, ..., for models distilled to few steps (arXiv:2311.17042)."""
    start = 10 - int(10 * denoise)
    timesteps = [100 * number - 1 for number in range(10, 0, -1)][start : start + steps]
    return [*rounded(levels.sigma(timestep) for timestep in timesteps), 0.0]


def _logarithms(lowest: float, highest: float) -> tuple[float, float]:
    if lowest <= 0 or highest <= 0:
        raise SettingError(f"The levels run from {highest:g} to {lowest:g}; both must be over 0 to have logarithms.")
    return math.log(lowest), math.log(highest)


def _nearly_zero(sigma: float) -> bool:
    return abs(sigma) <= 1e-5


ALIGNED = {
    "SD1": (
        14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904,
        0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582,
    ),
    "SDXL": (
        14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289,
        0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582,
    ),
    "SVD": (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}  # fmt: skip
"""The levels of ten steps that were found best for each family of models, the last of them in place of zero
(arXiv:2404.14507)."""


def aligned(family: str, steps: int, denoise: float = 1.0) -> Sigmas:
    """Takes the levels found best for a family; for other than ten steps the logarithm is linear between them.

    Args:
        family: A name of `ALIGNED`.
        steps: How many steps a whole run has, from 1.
        denoise: The part of them that is made, the last ones.
    """
    count = steps if denoise >= 1.0 else round(steps * denoise)
    if denoise <= 0.0:
        return []
    rising = ALIGNED[family][::-1]
    places = np.linspace(0, 1, steps + 1)
    between = np.exp(np.interp(places, np.linspace(0, 1, len(rising)), np.log(rising)))[::-1]
    whole = ALIGNED[family] if steps + 1 == len(rising) else between.tolist()
    return [*rounded(whole[len(whole) - 1 - count : -1]), 0.0]


def _evenly(levels: Levels, steps: int, points: int) -> Sigmas:
    """Takes the first `steps` of so many points between the last timestep and the first."""
    lowest, highest = float(levels.sigmas[0]), float(levels.sigmas[-1])
    timesteps = torch.linspace(levels.timestep(highest), levels.timestep(lowest), points).tolist()[:steps]
    return [*rounded(levels.sigma(timestep) for timestep in timesteps), 0.0]


def _between(schedule: Callable[[float, float, int], Sigmas]) -> Callable[[Levels, int], Sigmas]:
    """Lets a schedule between two levels run between the ends of a model's."""
    return lambda levels, steps: schedule(float(levels.sigmas[0]), float(levels.sigmas[-1]), steps)


SCHEDULES: dict[str, Callable[[Levels, int], Sigmas]] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": _between(karras),
    "exponential": _between(exponential),
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": _between(kl_optimal),
}
"""Schedules by the names that workflows use."""


def scheduled(name: str, levels: Levels, steps: int, denoise: float = 1.0) -> Sigmas:
    """Returns the levels of a run by a named schedule.

    Args:
        name: A name of `SCHEDULES`.
        levels: The model's noise levels.
        steps: How many steps, from 1.
        denoise: Which part of the way is gone, 0 to 1: the steps are the last ones of a schedule that is longer.

    Raises:
        SettingError: There is no such schedule, or the number of steps is under 1.
    """
    if denoise <= 0.0:
        return []
    return complete(name, levels, steps if denoise >= 1.0 else int(steps / denoise))[-(steps + 1) :]


def complete(name: str, levels: Levels, steps: int, drops_last: bool = False) -> Sigmas:
    """Returns a whole schedule, which may have more or fewer steps than asked for (`ddim_uniform`, `beta`).

    Args:
        name: A name of `SCHEDULES`.
        levels: The model's noise levels.
        steps: How many steps, from 1.
        drops_last: Makes the schedule a step longer and drops its last level above zero, as some samplers want it.

    Raises:
        SettingError: There is no such schedule, or the number of steps is under 1.
    """
    if name not in SCHEDULES:
        raise SettingError(f"There is no schedule '{name}'.{did_you_mean(name, SCHEDULES)}")
    if steps < 1:
        raise SettingError(f"{steps} steps are asked for, needed is at least 1.")
    sigmas = SCHEDULES[name](levels, steps + drops_last)
    return [*sigmas[:-2], sigmas[-1]] if drops_last else sigmas


def by_steps(name: str, levels: Levels, steps: int, denoise: float = 1.0, drops_last: bool = False) -> Sigmas:
    """Returns the levels of a run whose sampler has its own wish about the last level; see `scheduled`, `complete`."""
    if denoise > 0.9999:
        return complete(name, levels, steps, drops_last)
    return complete(name, levels, int(steps / denoise), drops_last)[-(steps + 1) :] if denoise > 0.0 else []


def cut(sigmas: Sigmas, start: int, end: int, to_zero: bool) -> Sigmas:
    """Keeps the steps from `start` to `end` of a run.

    Args:
        sigmas: The levels of the whole run.
        start: The first step, from 0.
        end: The step to stop before; one that is not there means to the end.
        to_zero: Whether a run that is stopped early goes to zero with its last step.

    Returns:
        The levels; none where no step is left.
    """
    kept = list(sigmas)
    if end < len(kept) - 1:
        kept = kept[: end + 1]
        if to_zero:
            kept[-1] = 0.0
    return kept[start:] if start < len(kept) - 1 else []
