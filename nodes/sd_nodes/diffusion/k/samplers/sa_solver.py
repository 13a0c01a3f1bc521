"""SA-Solver (arXiv:2309.05019): stochastic Adams methods that predict, and correct with the next evaluation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sd_nodes.diffusion.k.run import Run, Step, Steps


def sa_solver(
    run: Run,
    x: Tensor,
    sigmas: Sequence[float],
    eta: float = 1.0,
    s_noise: float = 1.0,
    predictor: int = 3,
    corrector: int = 4,
    pece: bool = False,
    simple: bool = False,
) -> Steps:
    """Predicts the next latents from the last predictions, and corrects them before it goes on.

    Args:
        run: The model; noise is added on the way to levels in its window.
        x: Noisy latents.
        sigmas: The noise levels.
        eta: How much noise is added, 1 as much as the reverse process has (tau in the paper).
        s_noise: What that noise is multiplied by.
        predictor: How many predictions at most a step is predicted from.
        corrector: How many predictions at most it is corrected with; 0 corrects nothing.
        pece: Evaluates the corrected latents once more.
        simple: Takes the paper's simpler weights (appendix D) for two predictions.
    """
    adams, count = _Adams(run, sigmas, s_noise, simple), len(sigmas) - 1
    start, predicted, tau, noise = x, x, 0.0, 0.0 * x
    past: list[Tensor] = []
    for i in range(count):
        denoised = run(predicted, sigmas[i])
        past = [*past, denoised][-max(predictor, corrector) :]
        left = count + 1 if sigmas[-1] else count - i
        if i and corrector and (sigmas[i + 1] or pece):
            start = adams.to(i, start, past[-min(corrector, left) :], i, tau) + noise
            if pece:
                past[-1] = run(start, sigmas[i])
        else:
            start = predicted
        if sigmas[i + 1]:
            tau = eta if run.window[0] >= sigmas[i + 1] >= run.window[1] else 0.0
            noise = adams.noise(i + 1, tau, x)
            predicted = adams.to(i + 1, start, past[-min(predictor, left - 1) :], i, tau) + noise
        else:
            predicted = past[-1]
        yield Step(predicted, denoised)


@dataclass(frozen=True)
class _Adams:
    """The levels of a run, and the steps between them."""

    run: Run
    sigmas: Sequence[float]
    s_noise: float
    simple: bool

    def to(self, number: int, x: Tensor, past: Sequence[Tensor], newest: int, tau: float) -> Tensor:
        """Goes to a level from the one before, by predictions of which the last was made at level `newest`."""
        start, end, *nodes = (
            -math.log(self.sigmas[one]) for one in (number - 1, number, *range(newest - len(past) + 1, newest + 1))
        )
        weigh = _simple_weights if self.simple and len(nodes) == 2 else _weights
        result = math.exp(-(1 + tau**2) * (end - start)) * x
        for weight, one in zip(weigh(nodes, start, end, tau), past, strict=True):
            result = result + weight * one
        return result

    def noise(self, number: int, tau: float, x: Tensor) -> Tensor:
        """The noise that is added on the way to a level from the one before."""
        if not tau or not self.s_noise:
            return 0.0 * x
        sigma, following = self.sigmas[number - 1], self.sigmas[number]
        part = math.sqrt(-math.expm1(-2 * tau**2 * math.log(sigma / following)))
        return self.run.noise(sigma, following) * (following * part * self.s_noise)


def _weights(nodes: Sequence[float], start: float, end: float, tau: float) -> list[float]:
    """Integrates each Lagrange polynomial over the nodes, times the decay of what came in earlier (equation 14)."""
    moments = _moments(1 + tau**2, end - start, len(nodes))
    vandermonde = np.vander(np.asarray(nodes) - end, increasing=True).T
    weights: list[float] = np.linalg.solve(vandermonde, moments).tolist()
    return weights


def _simple_weights(nodes: Sequence[float], start: float, end: float, tau: float) -> list[float]:
    """Weighs two predictions by the length of the step alone; a corrector's last one was made at its end."""
    rate, h = 1 + tau**2, end - start
    half, total = rate * h / 2, -math.expm1(-rate * h)
    older = total - half if nodes[-1] == end else half * h / (nodes[0] - start)
    return [older, total - older]


def _moments(rate: float, h: float, count: int) -> list[float]:
    """Integrates rate * exp(rate * u) * u^k for u from -h to 0 and k below `count`, by parts."""
    decayed = math.exp(-rate * h)
    moments = [-math.expm1(-rate * h)]
    for power in range(1, count):
        moments.append(-decayed * (-h) ** power - power / rate * moments[-1])
    return moments
