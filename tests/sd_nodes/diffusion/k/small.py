"""A small random model as samplers see it, and prompts for it."""

from functools import cache

import torch
from torch import Tensor

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.regions import Prompt
from tests.sd_nodes.models import WIDTH, ready, unet

FORM = Parameterization.discrete(noise_table({}))
UNET = ready(unet())


@cache
def states(seed: int, tokens: int = 5) -> Tensor:
    """Random token states."""
    return torch.randn(1, tokens, WIDTH, generator=torch.Generator().manual_seed(seed))


def prompt(seed: int, tokens: int = 5, **changes: object) -> Prompt:
    """A prompt of random token states."""
    return Prompt(Condition(states(seed, tokens)), **changes)  # type: ignore[arg-type]


def network() -> Network:
    """The small model."""
    return Network(UNET, FORM)


def latents(height: int = 8, width: int = 8, batch: int = 1, seed: int = 9) -> Tensor:
    """Random latents of unit variance."""
    return torch.randn(batch, 4, height, width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def alone(one: Prompt, x: Tensor, sigma: float, **residuals: object) -> Tensor:
    """What latents denoise to by one prompt, in plain words."""
    step = float((FORM.levels.sigmas.log() - torch.tensor(sigma).log()).abs().argmin())
    told = one.condition.states.expand(len(x), -1, -1)
    noise: Tensor = UNET(x / (sigma**2 + 1) ** 0.5, step, told, return_dict=False, **residuals)[0]
    return x - sigma * noise
