"""SA-Solver (arXiv:2309.05019): stochastic Adams methods that predict, and correct with the next evaluation."""

import math
from collections.abc import Sequence

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
) -> Steps:
    """Predicts the next latents from the last predictions, and corrects them before it goes on.

    Args:
        run: The model; noise is added on the way to levels in its window.
        x: Noisy latents.
        sigmas: The noise levels.
        eta: How much noise is added, 1 as much as the reverse process has (tau in the paper).
        s_noise: What that noise is multiplied by.
        predictor: How many predictions at most a step is predicted from.
        corrector: How many predictions at most it is corrected with.
        pece: Evaluates the corrected latents once more.
    """
    count, to_zero = len(sigmas) - 1, bool(sigmas) and sigmas[-1] == 0
    rises = [-math.log(sigma) if sigma else math.inf for sigma in sigmas]
    start, predicted, tau, noise = x, x, 0.0, 0.0 * x
    past: list[Tensor] = []
    for i in range(count):
        denoised = run(predicted, sigmas[i])
        past = [*past, denoised][-max(predictor, corrector) :]
        corrects = i > 0 and (sigmas[i + 1] != 0 or pece)
        order = min(corrector, len(past), count - i if to_zero else corrector) if corrects else 0
        if order:
            weights = _weights(rises[i - order + 1 : i + 1], rises[i - 1], rises[i], tau)
            start = _step(start, past, weights, rises[i] - rises[i - 1], tau) + noise
            if pece:
                denoised = past[-1] = run(start, sigmas[i])
        else:
            start = predicted
        if sigmas[i + 1] == 0:
            predicted = denoised
        else:
            tau = eta if run.window[0] >= sigmas[i + 1] >= run.window[1] else 0.0
            order = min(predictor, len(past), count - 1 - i if to_zero else predictor)
            weights = _weights(rises[i - order + 1 : i + 1], rises[i], rises[i + 1], tau)
            h = rises[i + 1] - rises[i]
            noise = 0.0 * x
            if tau and s_noise:
                part = math.sqrt(-math.expm1(-2 * tau**2 * h))
                noise = run.noise(sigmas[i], sigmas[i + 1]) * (sigmas[i + 1] * part * s_noise)
            predicted = _step(start, past, weights, h, tau) + noise
        yield Step(predicted, denoised)


def _step(x: Tensor, past: Sequence[Tensor], weights: Sequence[float], h: float, tau: float) -> Tensor:
    result = math.exp(-(1 + tau**2) * h) * x
    for weight, one in zip(weights, past[len(past) - len(weights) :], strict=True):
        result = result + weight * one
    return result


def _weights(nodes: Sequence[float], start: float, end: float, tau: float) -> list[float]:
    """Integrates each Lagrange polynomial over the nodes, times the decay of what came in earlier (equation 14)."""
    rate = 1 + tau**2
    moments = _moments(rate, end - start, len(nodes))
    vandermonde = np.vander(np.asarray(nodes) - end, increasing=True).T
    weights: list[float] = np.linalg.solve(vandermonde, moments).tolist()
    return weights


def _moments(rate: float, h: float, count: int) -> list[float]:
    """Integrates rate * exp(rate * u) * u^k for u from -h to 0 and k below `count`, by parts."""
    decayed = math.exp(-rate * h)
    moments = [-math.expm1(-rate * h)]
    for power in range(1, count):
        moments.append(-decayed * (-h) ** power - power / rate * moments[-1])
    return moments
