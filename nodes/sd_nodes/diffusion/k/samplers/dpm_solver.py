"""DPM-Solver (arXiv:2206.00927) in t = -log(sigma): of fixed order, or with steps as large as an error allows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.run import Run, Step, Steps, ancestral, slope


def dpm_fast(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Spends as many evaluations as there are steps on solvers of third order, and the rest on lower ones."""
    if len(sigmas) < 2:
        return
    start, end = _ends(sigmas)
    evaluations = len(sigmas) - 1
    blocks, rest = evaluations // 3, evaluations % 3
    orders = [3] * blocks + [rest] if rest else [3] * (blocks - 1) + [2, 1]
    times = torch.linspace(start, end, len(orders) + 1, dtype=torch.float64).tolist()
    for index, order in enumerate(orders):
        block = _Block(run, x, times[index], times[index + 1])
        x = (block.first, block.second, block.third)[order - 1]()
        yield Step(x, block.denoised)


@dataclass(frozen=True)
class StepControl:
    """How long the steps of an adaptive solver are: a controller of the error's inverse.

    Args:
        first: The first step's length, in t.
        proportional: How much the error counts against the one before.
        integral: How much the error itself counts.
        derivative: How much the change of the error's change counts.
        safety: A step is kept if the next one would be longer than this part of it.
    """

    first: float = 0.05
    proportional: float = 0.0
    integral: float = 1.0
    derivative: float = 0.0
    safety: float = 0.81

    def factor(self, errors: Sequence[float], order: float) -> float:
        """Returns what the step's length is multiplied by, for the last three inverse errors, newest first."""
        p, i, d = self.proportional, self.integral, self.derivative
        powers = (p + i + d, -(p + 2 * d), d)
        product = math.prod(error ** (power / order) for error, power in zip(errors, powers, strict=True))
        return 1 + math.atan(product - 1)


PATIENCE = 200
"""How many steps in a row an adaptive solver tries before it gives up."""


def dpm_adaptive(
    run: Run,
    x: Tensor,
    sigmas: Sequence[float],
    order: Literal[2, 3] = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    control: StepControl = StepControl(),
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Steps:
    """Chooses steps by how far a solver of one order less is off; only the ends of the levels count.

    Args:
        run: The model.
        x: Noisy latents.
        sigmas: The noise levels; the lowest that is not zero is the end.
        order: The solver's order.
        rtol: The error allowed, as a part of the latents.
        atol: The error allowed beside it.
        control: How the steps' length follows from the error.
        eta: How much noise is added, 1 as much as the reverse process has.
        s_noise: What that noise is multiplied by.
    """
    if len(sigmas) < 2:
        return
    (time, end), low = _ends(sigmas), x
    way = 1 if end > time else -1
    if eta and way < 0:
        raise SettingError("The noise levels rise: on the way to more noise none is added, so eta must be 0.")
    if not control.first:
        raise SettingError("The first step is 0 long, and so is every other that follows from it; needed is more.")
    h, left, past = way * control.first, PATIENCE, tuple[float, ...]()
    while way * (end - time) > 1e-5:
        until = end if way * (time + h - end) >= 0 else time + h
        down = _lowered(time, until, end, eta)
        block = _Block(run, x, time, down)
        lower, higher = (block.first(), block.second()) if order == 2 else (block.second(1 / 3), block.third())
        inverse = 1 / (_error(lower, higher, low, rtol, atol) + 1e-8)
        past = past or (inverse, inverse)
        factor = control.factor((inverse, *past), 1.5 if eta else order)
        left -= 1
        if factor >= control.safety:
            x, low, left = higher, lower, PATIENCE
            if eta:
                up = math.sqrt(max(math.exp(-2 * until) - math.exp(-2 * down), 0.0))
                x = x + run.noise(math.exp(-time), math.exp(-until)) * (s_noise * up)
            time, past = until, (inverse, past[0])
        elif not left:
            raise SettingError(f"No step is kept in {PATIENCE} trials with a safety of {control.safety:g}.")
        h *= factor
        yield Step(x, block.denoised)


def _lowered(time: float, until: float, end: float, eta: float) -> float:
    """The time that a step goes to before noise is added; none is later than the end."""
    if not eta:
        return until
    down = ancestral(math.exp(-time), math.exp(-until), eta).down
    return min(end, -math.log(down)) if down else end


def _error(lower: Tensor, higher: Tensor, before: Tensor, rtol: float, atol: float) -> float:
    allowed = (rtol * torch.maximum(lower.abs(), before.abs())).clamp(min=atol)
    error = float(((lower - higher) / allowed).square().mean().sqrt())
    if not math.isfinite(error):
        raise SettingError("The latents are no longer numbers (NaN or infinite): no step is small enough.")
    return error


def _ends(sigmas: Sequence[float]) -> tuple[float, float]:
    last = sigmas[-1] or sigmas[-2]
    return -math.log(sigmas[0]), -math.log(last)


@dataclass
class _Block:
    """Steps of several orders from the same place; slopes that they share are computed once."""

    run: Run
    x: Tensor
    start: float
    end: float
    slopes: dict[float, Tensor] = field(default_factory=dict)

    @property
    def h(self) -> float:
        return self.end - self.start

    @property
    def denoised(self) -> Tensor:
        return self.x - math.exp(-self.start) * self.slope(0.0, self.x)

    def slope(self, part: float, x: Tensor) -> Tensor:
        """The predicted noise a part of the way along, at `x` if it was not asked for before."""
        if part not in self.slopes:
            sigma = math.exp(-(self.start + part * self.h))
            self.slopes[part] = slope(x, self.run(x, sigma), sigma)
        return self.slopes[part]

    def reached(self, part: float) -> Tensor:
        """The latents a part of the way along, by first order."""
        rise = math.expm1(part * self.h)
        return self.x - math.exp(-(self.start + part * self.h)) * rise * self.slope(0.0, self.x)

    def first(self) -> Tensor:
        return self.reached(1.0)

    def second(self, r: float = 1 / 2) -> Tensor:
        """Algorithm 1 of the paper, with the middle at `r`."""
        change = self.slope(r, self.reached(r)) - self.slope(0.0, self.x)
        return self.first() - math.exp(-self.end) / (2 * r) * math.expm1(self.h) * change

    def third(self, r1: float = 1 / 3, r2: float = 2 / 3) -> Tensor:
        """Algorithm 2 of the paper."""
        d = self.slope(0.0, self.x)
        change = self.slope(r1, self.reached(r1)) - d
        bend = math.expm1(r2 * self.h) / (r2 * self.h) - 1
        middle = self.reached(r2) - math.exp(-(self.start + r2 * self.h)) * (r2 / r1) * bend * change
        change = self.slope(r2, middle) - d
        return self.first() - math.exp(-self.end) / r2 * (math.expm1(self.h) / self.h - 1) * change
