"""Sharpening the autoencoder's decoder with an adversary, while its latents stay what they are.

A small patch discriminator (Isola et al. 2017) with the hinge loss tells crops from reconstructions;
the decoder learns to reconstruct and to be taken for real. The encoder is locked, so diffusion models
trained on its latents stay valid.
"""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from .augment import Bytes
from .autoencoder import CROP, crops, reconstruction_loss
from .loop import AtStep, AtTrainingCheckpoint, Randomness, Schedule, Training

ADVERSARY_WEIGHT, ADVERSARY_WARMUP, LATENT_NOISE = 0.05, 300, 0.15


def new_discriminator(width: int = 32) -> nn.Module:
    """Makes a judge of patches: pictures `[batch, 3, h, w]` to scores `[batch, 1, h / 4, w / 4]`."""
    return nn.Sequential(
        nn.Conv2d(3, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.GroupNorm(8, 2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 2 * width, 3, 1, 1),
        nn.GroupNorm(8, 2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 3, 1, 1),
    )


def decoder_parameters(vae: AutoencoderKL) -> list[nn.Parameter]:
    """Lists what turns latents into pictures."""
    return [*vae.post_quant_conv.parameters(), *vae.decoder.parameters()]


def loss(judge: nn.Module, made: Tensor, wanted: Tensor, adversary: float) -> Tensor:
    """Adds the decoder's loss to the judge's; each one's gradient reaches only itself.

    Args:
        judge: Tells real pictures from made ones.
        made: Reconstructions, `[batch, 3, height, width]`, -1..1.
        wanted: The pictures themselves.
        adversary: How much it counts that the judge takes reconstructions for real.
    """
    judge.requires_grad_(False)
    fooled = -judge(made).float().mean()
    judge.requires_grad_(True)
    real, false = judge(wanted).float(), judge(made.detach()).float()
    judged = functional.relu(1 - real).mean() + functional.relu(1 + false).mean()
    total: Tensor = reconstruction_loss(made, wanted) + adversary * fooled + judged
    return total


def train(
    vae: AutoencoderKL,
    drawings: Bytes,
    batch: int,
    schedule: Schedule,
    folder: Path,
    accelerator: Accelerator,
    at_checkpoint: AtTrainingCheckpoint = lambda training: None,
    at_step: AtStep = lambda step, loss: None,
) -> Training:
    """Trains, or resumes, the decoder against its judge.

    Args:
        vae: The autoencoder; its encoder is locked.
        drawings: Premultiplied RGBA squares, `[pictures, size, size, 4]`.
        batch: Crops in a step of one process.
        schedule: How long and how fast.
        folder: Where the checkpoint and the loss log go.
        accelerator: The device, and the processes that share the work.
        at_checkpoint: Called with the training at every checkpoint.
        at_step: Called after each step with the steps done and the loss.
    """
    torch.manual_seed(schedule.seed)
    judge = new_discriminator()
    vae.requires_grad_(False)
    learning = decoder_parameters(vae)
    for parameter in learning:
        parameter.requires_grad_(True)
    groups: list[dict[str, object]] = [{"params": learning}, {"params": list(judge.parameters())}]
    training = Training({"vae": vae, "judge": judge}, groups, schedule, folder, accelerator)

    def loss_of(random: Randomness) -> Tensor:
        pictures = crops(drawings, random.numpy, batch, CROP).to(accelerator.device)
        with accelerator.autocast():
            with torch.no_grad():
                latents = vae.encode(pictures).latent_dist.mean.float()
            noise = random.normal(*latents.shape).to(latents.device) * LATENT_NOISE
            made = vae.decode(latents + noise).sample.float()
            adversary = ADVERSARY_WEIGHT * min(1.0, training.step / ADVERSARY_WARMUP)
            return loss(judge, made, pictures, adversary)

    training.run(loss_of, at_checkpoint, at_step)
    return training
