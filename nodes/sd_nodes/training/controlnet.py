"""ControlNet training (Zhang et al. 2023) for any Stable Diffusion base.

A trainable copy of the UNet's encoder reads the control picture and adds to the locked UNet
through convolutions that start at zero, so that the first step changes nothing in the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor

from .loop import AtStep, AtTrainingCheckpoint, Randomness, Schedule, Training
from .model import LatentDiffusion
from .objective import Question, ask
from .text_to_image import without_some
from .words import Words

FRESH_PARTS = ("controlnet_cond_embedding.", "controlnet_down_blocks.", "controlnet_mid_block.")


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Args:
        latents: Of the wanted pictures, scaled, `[batch, 4, height / 8, width / 8]`.
        control: `[batch, 3, height, width]`, 0..1.
        captions: One for each picture.
    """

    latents: Tensor
    control: Tensor
    captions: list[str]


Source = Callable[[Randomness], Batch]


@dataclass(frozen=True)
class Lessons:
    """How a ControlNet learns, besides the schedule.

    Args:
        fresh_share: How many times faster the layers learn that are not copied from the UNet.
        empty_share: The share of prompts left empty, so that the control picture must do alone.
        frugal: Whether activations are computed again when gradients need them, instead of kept (gradient
            checkpointing, arXiv:1604.06174): the same gradients for a part of the memory and a third more time.
    """

    fresh_share: float = 1.0
    empty_share: float = 0.1
    frugal: bool = False


def new_controlnet(unet: UNet2DConditionModel, channels: tuple[int, ...] = (16, 32, 96, 256)) -> ControlNetModel:
    """Copies a UNet's encoder into an untrained ControlNet.

    Args:
        unet: The UNet to steer.
        channels: Of the layers that read the control picture; all but the first halve its size.
    """
    return ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=channels)


def parameter_groups(controlnet: ControlNetModel, fresh_share: float) -> list[dict[str, object]]:
    """Splits the parameters into the copied ones and the fresh ones, which learn faster by a factor."""
    named = list(controlnet.named_parameters())
    fresh = [parameter for name, parameter in named if name.startswith(FRESH_PARTS)]
    copied = [parameter for name, parameter in named if not name.startswith(FRESH_PARTS)]
    return [{"params": copied, "lr": 1.0}, {"params": fresh, "lr": fresh_share}]


def strengthened(controlnet: ControlNetModel, gain: float) -> ControlNetModel:
    """Folds a strength into the output convolutions, so that strength 1 steers as that strength did."""
    with torch.no_grad():
        for module in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
            for parameter in module.parameters():
                parameter.mul_(gain)
    return controlnet


def steer(model: LatentDiffusion, controlnet: ControlNetModel, asked: Question, words: Words, hint: Tensor) -> Tensor:
    """Runs the locked UNet with what the ControlNet adds to it, and gives its answer."""
    told = {"encoder_hidden_states": words.states, "added_cond_kwargs": words.added}
    down, middle = controlnet(asked.noisy, asked.timesteps, controlnet_cond=hint, return_dict=False, **told)
    given: Tensor = model.unet(
        asked.noisy,
        asked.timesteps,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
        return_dict=False,
        **told,
    )[0]
    return given


def train(
    model: LatentDiffusion,
    controlnet: ControlNetModel,
    source: Source,
    schedule: Schedule,
    folder: Path,
    accelerator: Accelerator,
    lessons: Lessons = Lessons(),
    at_checkpoint: AtTrainingCheckpoint = lambda training: None,
    at_step: AtStep = lambda step, loss: None,
    until: int | None = None,
) -> Training:
    """Trains, or resumes, a ControlNet; nothing of the model it steers changes.

    Args:
        model: The locked model.
        controlnet: What learns.
        source: Gives each step's batch.
        schedule: How long and how fast.
        folder: Where the checkpoint and the loss log go.
        accelerator: The device, and the processes that share the work.
        lessons: Which layers learn faster, and how often without a prompt.
        at_checkpoint: Called with the training at every checkpoint.
        at_step: Called after each step with the steps done and the loss.
        until: Stops here, with a checkpoint, although the schedule goes on.
    """
    model.locked(accelerator.device)
    if lessons.frugal:
        model.unet.enable_gradient_checkpointing()
        controlnet.enable_gradient_checkpointing()
    groups = parameter_groups(controlnet, lessons.fresh_share)
    training = Training({"controlnet": controlnet}, groups, schedule, folder, accelerator)

    def loss_of(random: Randomness) -> Tensor:
        batch = source(random)
        captions = without_some(batch.captions, lessons.empty_share, random)
        asked = ask(model.scheduler, batch.latents.to(accelerator.device), random)
        with accelerator.autocast():
            with torch.no_grad():
                words = model.encode_text(captions, batch.control.shape[-1])
            given = steer(model, controlnet, asked, words, batch.control.to(accelerator.device))
        return asked.loss(given)

    training.run(loss_of, at_checkpoint, at_step, until)
    return training
