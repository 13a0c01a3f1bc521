"""What is done to a guided prediction before a sampler sees it, one thing after the other."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.regions import Placed


class Guided(NamedTuple):
    """A guided prediction and what it was mixed from; predictions are of clean latents.

    Args:
        latents: The noisy latents, [batch, channel, height, width].
        sigma: Their noise level.
        guided: The prediction so far.
        conditional: That for the prompt alone.
        unconditional: That for the negative prompt alone; zeros where it was not computed.
        scale: The guidance scale.
        positive: The prompt.
        negative: The negative prompt.
    """

    latents: Tensor
    sigma: float
    guided: Tensor
    conditional: Tensor
    unconditional: Tensor
    scale: float
    positive: Sequence[Placed]
    negative: Sequence[Placed]


Correction = Callable[[Guided], Tensor]
"""Returns another prediction in the place of the guided one."""


def corrected(given: Guided, corrections: Sequence[Correction]) -> Tensor:
    """Returns the guided prediction after all corrections, each of which sees what the ones before it made."""
    for correction in corrections:
        given = given._replace(guided=correction(given))
    return given.guided


@dataclass(frozen=True)
class Away:
    """Guidance away from what a disturbed network predicts (perturbed-attention guidance, arXiv:2403.17377).

    Args:
        network: The disturbed network.
        scale: How far; at 0 nothing is computed.
        highest: The noise level above which there is none.
        lowest: The noise level below which there is none.
    """

    network: Network
    scale: float
    highest: float = math.inf
    lowest: float = 0.0

    def __call__(self, given: Guided) -> Tensor:
        """Leads away from what the disturbed network predicts for the prompt."""
        if not self.scale or not self.lowest <= given.sigma <= self.highest:
            return given.guided
        (disturbed,) = self.network.predict([given.positive], given.latents, given.sigma)
        return given.guided + (given.conditional - disturbed) * self.scale


def zero_star(given: Guided) -> Tensor:
    """Guides away from the negative prediction in the length that fits the prompt's best (arXiv:2503.18886)."""
    noises = (given.latents - one for one in (given.conditional, given.unconditional))
    conditional, unconditional = (one.flatten(1) for one in noises)
    fitting = (conditional * unconditional).sum(1) / (unconditional.square().sum(1) + 1e-8)
    surplus = (fitting - 1).reshape(-1, 1, 1, 1) * given.unconditional
    return given.guided + surplus - given.scale * surplus


@dataclass(frozen=True)
class Normed:
    """Keeps the guided prediction at each place no longer than the prompt's own.

    Args:
        strength: What the result is multiplied by.
    """

    strength: float = 1.0

    def __call__(self, given: Guided) -> Tensor:
        """Shortens the prediction along its channels."""
        wanted, found = (one.norm(dim=1, keepdim=True) for one in (given.conditional, given.guided))
        share: Tensor = (wanted / (found + 1e-8)).clamp(0.0, 1.0)
        return given.guided * share * self.strength


def towards_prompt(given: Guided) -> Tensor:
    """Follows the scaled prompt the more, the less guidance goes where the scaled negative prompt goes."""
    leap = given.conditional * given.scale
    away, between = (_rooted(one) for one in (given.unconditional * given.scale, (leap + given.guided) / 2))
    share = (cosine_similarity(away, between).mean() + 1) / 2
    return share * given.guided + (1 - share) * leap


@dataclass(frozen=True)
class LessNoise:
    """Takes the predicted noise to be smaller, as errors add up on the way (arXiv:2308.15321).

    Args:
        factor: What it is divided by, not 0.
    """

    factor: float

    def __call__(self, given: Guided) -> Tensor:
        """Predicts clean latents nearer to the noisy ones, at a factor over 1."""
        return given.latents - (given.latents - given.guided) / self.factor


def tangential(latents: Tensor, conditional: Tensor, unconditional: Tensor) -> Tensor:
    """Returns the negative prediction without what it does not share with the prompt's (arXiv:2503.18137).

    Args:
        latents: The noisy latents.
        conditional: What they denoise to by the prompt.
        unconditional: What they denoise to by the negative prompt.
    """
    noises = torch.stack([(latents - one).flatten(1) for one in (unconditional, conditional)], dim=1).float()
    shared: Tensor = torch.linalg.svd(noises, full_matrices=False)[2][:, :1]
    kept = (noises[:, :1] @ shared.transpose(1, 2)) * shared
    return latents - kept.reshape(latents.shape).to(latents)


def _rooted(values: Tensor) -> Tensor:
    return values.abs().sqrt() * values.sign()
