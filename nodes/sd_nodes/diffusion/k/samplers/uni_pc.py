"""UniPC (arXiv:2302.04867): a predictor and a corrector of any order that share their evaluations."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps

LAST = 0.001
"""The noise level that stands for zero, whose logarithm is finite."""


def uni_pc(
    run: Run, x: Tensor, sigmas: Sequence[float], variant: Literal["bh1", "bh2"] = "bh1", order: int = 3
) -> Steps:
    """Predicts each step from the last evaluations and corrects it with the new one, but for the last step.

    A run of one step alone only scales the latents to its end, as it does everywhere: its solver makes the last step
    together with the one before.

    Args:
        run: The model.
        x: Noisy latents.
        sigmas: The noise levels; a last one of zero is taken as nearly zero.
        variant: How steps are weighed: by their length `h`, or by e^h - 1.
        order: How many evaluations at most a step is made from.
    """
    if len(sigmas) < 2:
        return
    levels = [*sigmas[:-1], sigmas[-1] or LAST]
    count = len(levels) - 1
    if count == 1:
        yield Step(x * math.sqrt((levels[1] ** 2 + 1) / (levels[0] ** 2 + 1)), run(x, levels[0]))
        return
    order = min(order, count - 1)
    past: list[_Evaluation] = []
    for index in range(count):
        if not past:
            past = [_Evaluation(run(x, levels[0]), -math.log(preserved(levels[0])))]
        here = min(order, index + 1, count - index)
        solver = _Solver(past[:here], preserved(levels[index]), preserved(levels[index + 1]), variant)
        predicted = solver.predicted(x)
        if index + 1 < count:
            new = run(predicted, levels[index + 1])
            x = solver.corrected(x, new)
            past = [_Evaluation(new, -math.log(preserved(levels[index + 1]))), *past[: order - 1]]
        else:
            x = predicted
        yield Step(x, past[0].denoised)


def preserved(sigma: float) -> float:
    """Returns a noise level as it comes back from the variance-preserving variables of the paper in float32.

    One minus nearly one has few digits: the level that stands for zero comes back smaller by a fortieth, and the last
    step of every picture that was drawn so goes there.
    """
    log_alpha = 0.5 * (1 / (torch.tensor(sigma, dtype=torch.float32) ** 2 + 1)).log()
    deviation = (1 - (2 * log_alpha).exp()).sqrt()
    return float(deviation / log_alpha.exp())


class _Evaluation(NamedTuple):
    denoised: Tensor
    rise: float


class _Solver:
    """One step: the system of the paper's equation 10 over the last evaluations, newest first."""

    def __init__(self, past: Sequence[_Evaluation], sigma: float, following: float, variant: str) -> None:
        self.newest, self.scale = past[0], following / sigma
        self.h = math.log(sigma) - math.log(following)
        self.b = -self.h if variant == "bh1" else math.expm1(-self.h)
        places = [(one.rise - self.newest.rise) / self.h for one in past[1:]]
        self.changes = [(one.denoised - self.newest.denoised) / r for one, r in zip(past[1:], places, strict=True)]
        nodes = np.asarray([*places, 1.0])
        self.system = np.vander(nodes, increasing=True).T
        self.wanted = self._wanted(len(nodes))

    def _wanted(self, order: int) -> np.ndarray:
        """k! * phi_(k + 1)(-h) * -h / B(h) for each k from 1 to the order."""
        phi, values = math.expm1(-self.h) / -self.h - 1, []
        for k in range(1, order + 1):
            values.append(phi * math.factorial(k) / self.b)
            phi = phi / -self.h - 1 / math.factorial(k + 1)
        return np.asarray(values)

    def predicted(self, x: Tensor) -> Tensor:
        """The step from earlier evaluations alone; of second order with the paper's weight of a half."""
        known = len(self.changes)
        if known == 1:
            return self._mixed(x, self.changes, [0.5])
        return self._mixed(x, self.changes, np.linalg.solve(self.system[:known, :known], self.wanted[:known]))

    def corrected(self, x: Tensor, new: Tensor) -> Tensor:
        """The step with the evaluation at its end; of first order with the paper's weight of a half."""
        changes = [*self.changes, new - self.newest.denoised]
        weights = [0.5] if len(changes) == 1 else np.linalg.solve(self.system, self.wanted)
        return self._mixed(x, changes, weights)

    def _mixed(self, x: Tensor, changes: Sequence[Tensor], weights: Sequence[float] | np.ndarray) -> Tensor:
        result = self.scale * x - math.expm1(-self.h) * self.newest.denoised
        for weight, change in zip(weights, changes, strict=True):
            result = result - (self.b * float(weight)) * change
        return result
