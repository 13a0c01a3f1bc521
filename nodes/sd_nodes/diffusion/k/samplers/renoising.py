"""Samplers that go to clean latents or to the mean, and add noise of the next level."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from sd_nodes.diffusion.bislerp import bislerp
from sd_nodes.diffusion.k.run import Run, Step, Steps


def ddpm(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Draws from the posterior of each reverse step (arXiv:2006.11239, equations 6 and 7)."""
    for sigma, following in pairwise(sigmas):
        denoised = run(x, sigma)
        kept = following**2 / sigma**2
        x = denoised + kept * (x - denoised)
        if following:
            x = x + run.noise(sigma, following) * math.sqrt(following**2 * (1 - kept))
        yield Step(x, denoised)


def lcm(run: Run, x: Tensor, sigmas: Sequence[float]) -> Steps:
    """Denoises all the way at each step, and adds the noise of the next level (arXiv:2310.04378, algorithm 3)."""
    for sigma, following in pairwise(sigmas):
        x = denoised = run(x, sigma)
        if following:
            signal = 1 - following if run.flow else 1.0
            x = denoised * signal + run.noise(sigma, following) * following
        yield Step(x, denoised)


def lcm_upscale(
    run: Run, x: Tensor, sigmas: Sequence[float], scale: float = 2.0, steps: int = -1, method: str = "bislerp"
) -> Steps:
    """Does the same, while latents grow in the first steps.

    Args:
        run: The model.
        x: Noisy latents.
        sigmas: The noise levels.
        scale: How much larger they become in all.
        steps: In how many steps; below 0 in half of them.
        method: How they are scaled: a mode of torch's interpolation, or `bislerp`.
    """
    count = max(len(sigmas) // 2 + 1, 2) if steps < 0 else min(steps + 1, len(sigmas) + 1)
    scales = torch.linspace(1.0, scale, count, dtype=torch.float64)[1:].tolist()
    rows, columns = x.shape[2:]
    for index, (sigma, following) in enumerate(pairwise(sigmas)):
        x = denoised = run(x, sigma)
        if index < len(scales):
            height, width = round(rows * scales[index]), round(columns * scales[index])
            larger = bislerp(x, width, height) if method == "bislerp" else interpolate(x, (height, width), mode=method)
            x = denoised = larger
        if following:
            x = denoised + run.fresh(x) * following
        yield Step(x, denoised)
