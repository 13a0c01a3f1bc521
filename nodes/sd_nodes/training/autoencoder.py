"""The demonstration model's autoencoder: diffusers' `AutoencoderKL`, eight pixels to a latent cell.

Trained on crops with an absolute error on colours and on their gradients and a small
Kullback-Leibler term (Rombach et al. 2022, section 3.1), without the adversarial part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from .augment import BACKGROUNDS, Bytes, Placement, background, over, place, recolour
from .dataset import SIZE
from .loop import AtStep, AtTrainingCheckpoint, Randomness, Schedule, Training

CROP, KL_WEIGHT = 64, 3e-4


def new_autoencoder() -> AutoencoderKL:
    """Makes the untrained autoencoder: 3.75 million parameters, four latent channels, factor 8."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 128, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=SIZE,
    )


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """Turns RGB bytes `[batch, height, width, 3]` into float32 `[batch, 3, height, width]`, -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


def crops(drawings: Bytes, random: np.random.Generator, count: int, edge: int) -> Tensor:
    """Draws augmented square crops, `[count, 3, edge, edge]`, -1..1."""
    pictures = []
    for index in random.integers(len(drawings), size=count):
        canvas = place(drawings[index], Placement.sample(random), SIZE)
        if random.random() < 0.3:
            canvas = recolour(random, canvas)
        top, left = random.integers(SIZE - edge + 1, size=2)
        cut = canvas[top : top + edge, left : left + edge]
        pictures.append(over(cut, background(random, str(random.choice(list(BACKGROUNDS))))))
    return as_tensor(np.stack(pictures))


def reconstruction_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Adds the mean absolute error of colours to that of their differences in x and y."""
    error = made - wanted
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return error.abs().mean() + across.abs().mean() + down.abs().mean()


def loss(model: AutoencoderKL, pictures: Tensor, noise: Tensor) -> Tensor:
    """Encodes, samples the posterior with the given noise, decodes, and compares."""
    posterior = model.encode(pictures).latent_dist
    mean, deviation = posterior.mean.float(), posterior.std.float()
    made = model.decode(mean + deviation * noise).sample.float()
    divergence = 0.5 * (mean**2 + deviation**2 - 1 - 2 * deviation.clamp_min(1e-6).log()).mean()
    total: Tensor = reconstruction_loss(made, pictures) + KL_WEIGHT * divergence
    return total


def train(
    model: AutoencoderKL,
    drawings: Bytes,
    batch: int,
    schedule: Schedule,
    folder: Path,
    accelerator: Accelerator,
    at_checkpoint: AtTrainingCheckpoint = lambda training: None,
    at_step: AtStep = lambda step, loss: None,
) -> Training:
    """Trains, or resumes, the whole autoencoder.

    Args:
        model: What learns.
        drawings: Premultiplied RGBA squares, `[pictures, size, size, 4]`.
        batch: Crops in a step of one process.
        schedule: How long and how fast.
        folder: Where the checkpoint and the loss log go.
        accelerator: The device, and the processes that share the work.
        at_checkpoint: Called with the training at every checkpoint.
        at_step: Called after each step with the steps done and the loss.
    """
    training = Training({"vae": model}, [{"params": list(model.parameters())}], schedule, folder, accelerator)

    def loss_of(random: Randomness) -> Tensor:
        pictures = crops(drawings, random.numpy, batch, CROP).to(accelerator.device)
        noise = random.normal(batch, 4, CROP // 8, CROP // 8).to(accelerator.device)
        with accelerator.autocast():
            return loss(model, pictures, noise)

    training.run(loss_of, at_checkpoint, at_step)
    return training
