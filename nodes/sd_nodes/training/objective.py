"""What a diffusion model learns to predict, and how much each noise level counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from .loop import Randomness

MIN_SNR = 5.0
DETAIL = 0.35


@dataclass(frozen=True, eq=False)
class Question:
    """Noisy latents and the right answer to them.

    Args:
        noisy: `[batch, 4, height, width]`.
        timesteps: `[batch]`.
        answer: What the scheduler's prediction type asks for, shaped as `noisy`.
        weight: How much each sample counts, `[batch]`.
    """

    noisy: Tensor
    timesteps: Tensor
    answer: Tensor
    weight: Tensor

    def loss(self, given: Tensor) -> Tensor:
        """Averages the squared errors of an answer."""
        return (given.float() - self.answer).pow(2).mean()

    def weighted_loss(self, given: Tensor) -> Tensor:
        """Averages the squared errors of an answer, each sample by its weight."""
        return ((given.float() - self.answer).pow(2).mean(dim=(1, 2, 3)) * self.weight).mean()


def ask(scheduler: SchedulerMixin, latents: Tensor, random: Randomness, detail_share: float = DETAIL) -> Question:
    """Noises latents to random levels.

    The answer is the noise, or the velocity of Salimans & Ho (2022). The weight caps what fine detail counts, as
    Min-SNR of Hang et al. (2023) does; for velocities the high noise levels, where text decides, keep full weight.

    Args:
        scheduler: Gives `alphas_cumprod` and the prediction type.
        latents: Scaled, `[batch, 4, height, width]`.
        random: Where noise and levels come from.
        detail_share: How many of the levels are from the lower 35%, where form is settled; 0.35 treats all alike.

    Raises:
        ValueError: If the prediction type is neither "epsilon" nor "v_prediction".
    """
    timesteps = draw_timesteps(random, len(latents), len(scheduler.alphas_cumprod), detail_share)
    noise = random.normal(*latents.shape).to(latents.device)
    kept = scheduler.alphas_cumprod[timesteps].to(latents.device).view(-1, 1, 1, 1)
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    ratio = (kept / (1 - kept)).flatten()
    capped = ratio.clamp(max=MIN_SNR)
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return Question(noisy, timesteps.to(latents.device), noise, capped / ratio)
    if kind == "v_prediction":
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * latents
        return Question(noisy, timesteps.to(latents.device), velocity, (MIN_SNR / (ratio + 1)).clamp(max=1))
    raise ValueError(f'the scheduler predicts "{kind}"; training knows "epsilon" and "v_prediction"')


def draw_timesteps(random: Randomness, count: int, levels: int = 1000, detail_share: float = DETAIL) -> Tensor:
    """Draws timesteps from 0 on, one from each of `count` equal parts of their distribution, shuffled."""
    even = (np.arange(count) + random.numpy.random(count)) / count
    places = np.interp(random.numpy.permutation(even), [0, detail_share, 1], [0, DETAIL, 1])
    return torch.from_numpy(np.minimum(places * levels, levels - 1).astype(np.int64))
