"""Where the noise of a run comes from: what it starts from, and what samplers add on the way."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torchsde
from torch import Tensor

Noise = Callable[[float, float], Tensor]
"""Draws standard normal noise for the way from one noise level to a lower one."""

SeedRule = Literal["next", "same"]
"""Whether noise on the way is drawn on a CPU from the seed after the run's own, or from the same one again."""

LARGEST_SEED = 2**64 - 1


def start_noise(shape: Sequence[int], seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """Draws the noise a run starts from, on the CPU, so that one seed makes the same noise for every device.

    Args:
        shape: [batch, channel, height, width] of the latents.
        seed: 0 to 2^64 - 1.
        batch_index: Places of the latents in the batch they were taken from, if they were: each gets the noise of its
            place. Without it the noise of the whole batch is one draw.
    """
    return _drawn(torch.Generator("cpu").manual_seed(seed), shape, batch_index)


def after_start(shape: Sequence[int], seed: int, batch_index: Sequence[int] | None = None) -> torch.Generator:
    """Returns the generator that the noise a run starts from came from, for what is drawn from it next."""
    generator = torch.Generator("cpu").manual_seed(seed)
    _drawn(generator, shape, batch_index)
    return generator


def _drawn(generator: torch.Generator, shape: Sequence[int], batch_index: Sequence[int] | None) -> Tensor:
    if batch_index is None:
        return torch.randn(tuple(shape), generator=generator)
    drawn = [torch.randn((1, *shape[1:]), generator=generator) for _ in range(max(batch_index) + 1)]
    return torch.cat([drawn[place] for place in batch_index])


def step_noise(latents: Tensor, seed: int, rule: SeedRule = "next") -> Noise:
    """Draws independent noise for each step, from a generator where the latents lie.

    Args:
        latents: What the noise is added to.
        seed: The run's seed.
        rule: On a CPU, `next` keeps the first draw from repeating the noise the run started from.
    """
    moved = (seed + 1) & LARGEST_SEED if rule == "next" and latents.device.type == "cpu" else seed
    generator = torch.Generator(latents.device).manual_seed(moved)
    return lambda _sigma, _following: torch.randn(
        latents.shape, dtype=latents.dtype, device=latents.device, generator=generator
    )


def brownian_noise(latents: Tensor, sigmas: Sequence[float], seed: int) -> Noise:
    """Takes noise from one Brownian path over the noise levels, so that more steps refine the same picture.

    Args:
        latents: What the noise is added to; the path is drawn on the CPU.
        sigmas: The levels of the run.
        seed: The run's seed.
    """
    lowest, highest = min(sigma for sigma in sigmas if sigma > 0), max(sigmas)
    origin = torch.zeros_like(latents, device="cpu")
    tree = torchsde.BrownianTree(torch.tensor(lowest), origin, torch.tensor(highest), entropy=seed)
    # The ends of the path are rounded: asking 1e-7 beyond them is meant.
    warnings.filterwarnings("ignore", message="Should have t[ab]", category=UserWarning)

    def draw(sigma: float, following: float) -> Tensor:
        increment: Tensor = tree(torch.tensor(following), torch.tensor(sigma))
        noise: Tensor = -increment.to(latents) / math.sqrt(sigma - following)
        return noise

    return draw
