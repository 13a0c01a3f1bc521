"""Samplers that go to clean latents or to the mean, and add noise of the next level."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

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
            x = denoised + run.noise(sigma, following) * following
        yield Step(x, denoised)
