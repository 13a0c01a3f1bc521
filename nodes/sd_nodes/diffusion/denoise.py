"""From noise to latents: the sampling loop, from a prompt alone or from the latents of a picture.

Latents here are the UNet's: those of the autoencoder multiplied by its `scaling_factor`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.predicting import Predictor, Sampling
from sd_nodes.diffusion.schedule import Generators, Schedule, ended, full_schedule, last_part, resumed
from sd_nodes.diffusion.views import device_of

OnStep = Callable[[int, int, Tensor], None]
"""Is told after each step how many are done, how many there are, and the latents; raises to cancel."""


def seeded(seed: int) -> torch.Generator:
    """Returns a generator on the CPU, so that one seed makes the same noise for every device."""
    return torch.Generator("cpu").manual_seed(seed)


def seeded_each(seed: int, count: int) -> list[torch.Generator]:
    """Returns a generator for each picture of a batch, of this seed and those after it."""
    return [seeded((seed + place) % 2**64) for place in range(count)]


def draw_noise(shape: Sequence[int], generator: Generators, unet: UNet2DConditionModel) -> Tensor:
    """Draws the noise a run starts from, in the UNet's type and on its device.

    Args:
        shape: [batch, channel, height, width] of the latents.
        generator: Where it is drawn from; where a picture was encoded with sampling first, the same generator.
        unet: The model that will denoise it.
    """
    noise: Tensor = randn_tensor(tuple(shape), generator=generator, device=device_of(unet), dtype=unet.dtype)
    return noise


@torch.no_grad()
def text_to_image(sampling: Sampling, noise: Tensor, generator: Generators, on_step: OnStep | None = None) -> Tensor:
    """Denoises pure noise to latents.

    Args:
        sampling: The model, the prompts and the rest.
        noise: Standard normal, [batch, channel, height, width].
        generator: Where schedulers that add noise on the way draw it from.
        on_step: Is told about each step.

    Returns:
        Latents in the shape and type of the noise.

    Raises:
        SettingError: Prompts, controls or latents do not fit together; all problems at once, before the first step.
    """
    schedule = _whole(sampling, noise, generator)
    start = noise.contiguous() * schedule.highest
    return _denoise(sampling, ended(schedule, sampling.end), start, on_step)


@torch.no_grad()
def resume(sampling: Sampling, latents: Tensor, generator: Generators, on_step: OnStep | None = None) -> Tensor:
    """Goes on denoising latents that another run left noise in.

    Args:
        sampling: The model, the prompts and the rest; `start` says how much of the noise is gone.
        latents: Latents with the rest of the noise in them, [batch, channel, height, width].
        generator: Where schedulers that add noise on the way draw it from.
        on_step: Is told about each step.

    Returns:
        Latents in the shape and type of those given.

    Raises:
        SettingError: The run ends before it starts, or prompts, controls or latents do not fit together.
    """
    if not 0.0 <= sampling.start < sampling.end <= 1.0:
        window = f"{sampling.start:g} to {sampling.end:g}"
        raise SettingError(f"The run goes from {window} of the noise, needed is 0 <= start < end <= 1.")
    whole = _whole(sampling, latents, generator)
    schedule = ended(resumed(whole, sampling.start), sampling.end)
    return _denoise(sampling, schedule, latents.contiguous(), on_step) if len(schedule.timesteps) else latents


@torch.no_grad()
def image_to_image(
    sampling: Sampling,
    latents: Tensor,
    noise: Tensor,
    strength: float,
    generator: Generators,
    on_step: OnStep | None = None,
) -> Tensor:
    """Adds noise to latents and denoises them again.

    Args:
        sampling: The model, the prompts and the rest.
        latents: Clean latents of a picture, [batch, channel, height, width], or one for the whole batch of noise.
        noise: Standard normal, [batch, channel, height, width].
        strength: Which part of the steps is done, 0 to 1: at 1 all of them, at 0 none, and the latents stay.
        generator: Where schedulers that add noise on the way draw it from.
        on_step: Is told about each step.

    Returns:
        Latents in the shape and type of the noise.

    Raises:
        SettingError: The strength is out of range, or prompts, controls or latents do not fit together.
    """
    if not 0.0 <= strength <= 1.0:
        raise SettingError(f"The strength is {strength:g}, needed is 0 to 1.")
    if len(noise) % len(latents) or latents.shape[1:] != noise.shape[1:]:
        raise SettingError(f"The latents are {list(latents.shape)}, the noise is {list(noise.shape)}.")
    clean = latents.to(noise).contiguous().repeat(len(noise) // len(latents), 1, 1, 1)
    whole = _whole(sampling, noise, generator)
    schedule = last_part(whole, sampling.steps, strength)
    if len(schedule.timesteps) == 0:
        return clean
    return _denoise(sampling, ended(schedule, sampling.end), schedule.noised(clean, noise), on_step)


@dataclass(frozen=True)
class Kept:
    """The part of a picture that stays.

    Args:
        latents: Clean latents of the picture, [batch, channel, height, width].
        noise: What brings them to the noise level of a step, in the same shape.
        mask: [batch or 1, 1, height, width], 1 where the picture is drawn anew.
    """

    latents: Tensor
    noise: Tensor
    mask: Tensor

    def put_back(self, drawn: Tensor, schedule: Schedule, index: int) -> Tensor:
        """Puts what stays, at the noise level that the step reached, into what was drawn."""
        clean = index + 1 == len(schedule.timesteps)
        stays = self.latents if clean else schedule.noised(self.latents, self.noise, index + 1)
        return (1 - self.mask) * stays + self.mask * drawn


@torch.no_grad()
def inpaint(
    sampling: Sampling, kept: Kept, strength: float, generator: Generators, on_step: OnStep | None = None
) -> Tensor:
    """Draws a part of a picture anew: from pure noise at a strength of 1, else from the picture with noise on it.

    A UNet made for inpainting is told what stays at each step; with any other one it is put back after each.

    Args:
        sampling: The model, the prompts and the rest.
        kept: The picture and the part of it that stays.
        strength: Which part of the steps is done, over 0 to 1.
        generator: Where schedulers that add noise on the way draw it from.
        on_step: Is told about each step.

    Returns:
        Latents in the shape and type of the noise.

    Raises:
        SettingError: Prompts, controls or latents do not fit together; all problems at once.
    """
    noise = kept.noise.contiguous()
    whole = _whole(sampling, noise, generator)
    schedule = last_part(whole, sampling.steps, strength)
    if len(schedule.timesteps) == 0:
        return kept.latents
    pure = strength == 1.0
    start = noise * schedule.highest if pure else schedule.noised(kept.latents, noise)
    put_back = None if sampling.beside is not None else kept
    return _denoise(sampling, ended(schedule, sampling.end), start, on_step, put_back)


def _whole(sampling: Sampling, latents: Tensor, generator: Generators) -> Schedule:
    """Sets the scheduler for the whole way; a transformer counts the tokens of its latents."""
    patch = getattr(sampling.unet.config, "patch_size", 1)
    tokens = (latents.shape[2] // patch) * (latents.shape[3] // patch)
    return full_schedule(sampling.scheduler, sampling.steps, generator, latents.device, tokens)


def _denoise(
    sampling: Sampling, schedule: Schedule, latents: Tensor, on_step: OnStep | None, kept: Kept | None = None
) -> Tensor:
    """Walks down the timesteps: x(t - 1) = step(predict(scale(x(t)), t), t, x(t))."""
    steps, kind = len(schedule.timesteps), latents.dtype
    predict = Predictor.of(sampling, latents, schedule.steps)
    told = schedule.timesteps.to(latents.device)
    for index, timestep in enumerate(schedule.timesteps):
        prediction = predict(schedule.scale(latents, timestep), told[index], index, schedule.steps)
        latents = schedule.step(prediction, timestep, latents).to(kind)
        latents = latents if kept is None else kept.put_back(latents, schedule, index)
        if on_step is not None:
            on_step(index + 1, steps, latents)
    if not torch.isfinite(latents).all():
        raise SettingError(_not_finite(sampling, latents))
    return latents


def _not_finite(sampling: Sampling, latents: Tensor) -> str:
    scheduler = type(sampling.scheduler.solver).__name__
    kind = str(latents.dtype).removeprefix("torch.")
    return (
        f"The latents are no longer numbers (NaN or infinite) after {sampling.steps} steps of {scheduler} in {kind}. "
        "Take the scheduler's own options, a wider type such as float32, or a smaller guidance scale."
    )
