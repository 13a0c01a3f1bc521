"""Pictures as a prompt: noisy CLIP embeddings, with how noisy they are (unCLIP, arXiv:2204.06125)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError

LEVELS = 1000
MERGED = 0.05
"""How noisy unCLIP makes the sum of several pictures; SDXL adds no more than its first level has."""

SEED_STEP = 10
"""The noise of embeddings comes from a seed so much lower than that of the latents."""


@dataclass(frozen=True)
class Glance:
    """A picture to be told.

    Args:
        embeds: [pictures, width], as CLIP sees them.
        strength: What each is multiplied by.
        noise: How noisy it is made, 0 to 1.
    """

    embeds: Tensor
    strength: float
    noise: float


@dataclass(frozen=True)
class Normalizer:
    """The mean and the deviation of embeddings that a model was trained on, [1, width] each; noise is added between."""

    mean: Tensor
    deviation: Tensor


def told_pictures(
    glances: Sequence[Glance], seed: int, normalizer: Normalizer | None = None, merged: float = MERGED
) -> Tensor:
    """Returns what a model is told of pictures: noisy embeddings, and behind them how noisy they are.

    Several pictures are added up, and made noisy once more. Each picture has the same noise, the sum what the generator
    draws next.

    Args:
        glances: At least one.
        seed: The seed of the run.
        normalizer: The model's own; without it embeddings are taken as they are.
        merged: How noisy the sum of several pictures is made, 0 to 1.

    Returns:
        [1, 2 * width].

    Raises:
        SettingError: The pictures were seen by another network than the one that the model was trained with.
    """
    if normalizer is not None:
        _check_width(glances[0].embeds.shape[1], normalizer.mean.shape[1])
    width = glances[0].embeds.shape[1]
    generator = torch.Generator().manual_seed(seed - SEED_STEP)
    first, second = (torch.randn(1, width, generator=generator) for _ in range(2))
    told = [
        noisy(one[None], glance.noise, first, normalizer) * glance.strength
        for glance in glances
        for one in glance.embeds
    ]
    return told[0] if len(told) == 1 else noisy(torch.stack(told).sum(0)[:, :width], merged, second, normalizer)


def noisy(embeds: Tensor, part: float, noise: Tensor, normalizer: Normalizer | None = None) -> Tensor:
    """Adds noise to embeddings, [1, width] both, and tells the level behind them: [1, 2 * width]."""
    level = round((LEVELS - 1) * part)
    mean, deviation = (
        (0.0, 1.0) if normalizer is None else (normalizer.mean.to(embeds), normalizer.deviation.to(embeds))
    )
    signal = _signal(level)
    mixed = (embeds - mean) / deviation * math.sqrt(signal) + noise.to(embeds) * math.sqrt(1 - signal)
    waves = get_timestep_embedding(
        torch.tensor([level]), embeds.shape[1], flip_sin_to_cos=True, downscale_freq_shift=0
    ).to(embeds)
    return torch.cat([mixed * deviation + mean, waves], dim=1)


def _signal(level: int) -> float:
    """The share of the signal's variance at a level of the squared-cosine schedule (arXiv:2102.09672)."""
    product = 1.0
    for index in range(level + 1):
        start, end = (math.cos((time / LEVELS + 0.008) / 1.008 * math.pi / 2) ** 2 for time in (index, index + 1))
        product *= 1 - min(1 - end / start, 0.999)
    return product


def labels(unet: UNet2DConditionModel, pictures: Tensor | None) -> dict[str, Tensor]:
    """Returns what an unCLIP model is told of pictures, by its name; zeros where there are none.

    Args:
        unet: The model; others are told nothing.
        pictures: What `told_pictures` returned.

    Raises:
        SettingError: The pictures were seen by another network than the one it was trained with.
    """
    if unet.config.class_embed_type != "projection":
        return {}
    width = unet.config.projection_class_embeddings_input_dim
    if pictures is None:
        return {"class_labels": torch.zeros(1, width)}
    _check_width(pictures.shape[1] // 2, width // 2)
    return {"class_labels": pictures}


def _check_width(found: int, needed: int) -> None:
    if found != needed:
        raise SettingError(
            f"This model is told pictures by {needed} numbers each, found are {found}: they were seen by another CLIP "
            "vision model."
        )
