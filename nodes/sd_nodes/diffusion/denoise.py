"""From noise to latents: the sampling loop, from a prompt alone or from the latents of a picture.

Latents here are the UNet's: those of the autoencoder multiplied by its `scaling_factor`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Conditioned, Control, control_problems, prepare, total
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guidance import Guidance, Mixing, Sides
from sd_nodes.diffusion.perturbed import with_perturbed_attention
from sd_nodes.diffusion.schedulers import Generators, Schedule, Scheduler, full_schedule, last_part
from sd_nodes.diffusion.views import device_of

OnStep = Callable[[int, int, Tensor], None]
"""Is told after each step how many are done, how many there are, and the latents; raises to cancel."""


@dataclass(frozen=True)
class Sampling:
    """What a run consists of, beside where it starts.

    Args:
        unet: The model that predicts the noise.
        scheduler: How the predictions become steps.
        guidance: The prompts and how far they are followed.
        steps: How many steps the whole way from noise takes, from 1.
        controls: The ControlNets with their pictures.
        beside: What an inpainting UNet sees beside the latents, [batch, 1 + channel, height, width]: the mask, and the
            latents of the picture without what is masked.
    """

    unet: UNet2DConditionModel
    scheduler: Scheduler
    guidance: Guidance
    steps: int
    controls: Sequence[Control] = ()
    beside: Tensor | None = None

    def mixing(self) -> Mixing:
        """Begins a run's guidance; a UNet that is told the scale has no use for any."""
        return self.guidance.mixing(able=self.unet.config.time_cond_proj_dim is None)


def seeded(seed: int) -> torch.Generator:
    """Returns a generator on the CPU, so that one seed makes the same noise for every device."""
    return torch.Generator("cpu").manual_seed(seed)


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
    schedule = full_schedule(sampling.scheduler, sampling.steps, generator, noise.device)
    return _denoise(sampling, schedule, noise.contiguous() * schedule.solver.init_noise_sigma, on_step)


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
    whole = full_schedule(sampling.scheduler, sampling.steps, generator, noise.device)
    schedule = last_part(whole, sampling.steps, strength)
    if len(schedule.timesteps) == 0:
        return clean
    return _denoise(sampling, schedule, schedule.noised(clean, noise), on_step)


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
    whole = full_schedule(sampling.scheduler, sampling.steps, generator, noise.device)
    schedule = last_part(whole, sampling.steps, strength)
    if len(schedule.timesteps) == 0:
        return kept.latents
    pure = strength == 1.0
    start = noise * schedule.solver.init_noise_sigma if pure else schedule.noised(kept.latents, noise)
    return _denoise(sampling, schedule, start, on_step, None if sampling.beside is not None else kept)


def _denoise(
    sampling: Sampling, schedule: Schedule, latents: Tensor, on_step: OnStep | None, kept: Kept | None = None
) -> Tensor:
    """Walks down the timesteps: x(t - 1) = step(predict(scale(x(t)), t), t, x(t))."""
    steps, kind = len(schedule.timesteps), latents.dtype
    predict = _Predictor.of(sampling, latents, steps)
    for index, timestep in enumerate(schedule.timesteps):
        prediction = predict(schedule.scale(latents, timestep), timestep, index, steps)
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


@dataclass(frozen=True)
class _Batch:
    """What is the same in all steps with the same sides, computed once."""

    sides: Sides
    unet: UNet2DConditionModel
    condition: Condition
    controls: list[Conditioned]

    @classmethod
    def of(cls, sampling: Sampling, sides: Sides, latents: Tensor, acting: Sequence[Control]) -> "_Batch":
        unet = with_perturbed_attention(sampling.unet, sides.count) if sides.disturbed else sampling.unet
        condition = sampling.guidance.batch(len(latents), sides).to(latents.device, unet.dtype)
        return cls(sides, unet, condition, [prepare(one, latents.shape, sides) for one in acting])


@dataclass(frozen=True)
class _Predictor:
    """Predicts the guided noise in latents."""

    sampling: Sampling
    mixing: Mixing
    batches: Sequence[_Batch]
    told_scale: Tensor | None

    @classmethod
    def of(cls, sampling: Sampling, latents: Tensor, steps: int) -> "_Predictor":
        guidance, mixing = sampling.guidance, sampling.mixing()
        sides = [Sides(mixing.guided(step, steps), guidance.perturbed != 0.0) for step in range(steps)]
        problems = _problems(sampling, guidance.batch(len(latents), max(sides, key=lambda one: one.count)), latents)
        if problems:
            raise SettingError("\n".join(problems))
        acting = [one for one in sampling.controls if any(one.acts_at(index, steps) for index in range(steps))]
        batches = {one: _Batch.of(sampling, one, latents, acting) for one in dict.fromkeys(sides)}
        told_scale = _told_scale(sampling.unet, guidance.scale, latents)
        return cls(sampling, mixing, [batches[one] for one in sides], told_scale)

    def __call__(self, latents: Tensor, timestep: Tensor, index: int, steps: int) -> Tensor:
        batch = self.batches[index]
        sides, condition = batch.sides, batch.condition
        seen = torch.cat([latents] * sides.count) if sides.count > 1 else latents
        acting = [one for one in batch.controls if one.control.acts_at(index, steps)]
        residuals = total(one.residuals(seen, timestep, condition) for one in acting)
        prediction = batch.unet(
            self._with_picture(seen),
            timestep,
            encoder_hidden_states=condition.states,
            timestep_cond=None if self.told_scale is None else self.told_scale.repeat(sides.count, 1),
            down_block_additional_residuals=None if residuals is None else residuals.down,
            mid_block_additional_residual=None if residuals is None else residuals.mid,
            added_cond_kwargs=dict(condition.added),
            return_dict=False,
        )[0]
        return self.sampling.guidance.mix(self.mixing, index, steps, sides, prediction)

    def _with_picture(self, seen: Tensor) -> Tensor:
        """Adds the channels in which an inpainting UNet sees the picture."""
        beside = self.sampling.beside
        return seen if beside is None else torch.cat([seen, beside.repeat(len(seen) // len(beside), 1, 1, 1)], dim=1)


def _problems(sampling: Sampling, condition: Condition, drawn: Tensor) -> list[str]:
    """Everything that does not fit, before anything heavy runs."""
    config, width, latents = sampling.unet.config, condition.states.shape[2], drawn.shape
    found = [problem for control in sampling.controls for problem in control_problems(control, latents)]
    beside = 0 if sampling.beside is None else sampling.beside.shape[1]
    if config.in_channels != latents[1] + beside:
        found.append(f"The latents have {latents[1] + beside} channels, this UNet takes {config.in_channels}.")
    for control in sampling.controls:
        theirs, ours = list(control.net.config.block_out_channels), list(config.block_out_channels)
        if theirs != ours:
            found.append(f"The ControlNet was made for a UNet with channels {theirs}, this one has {ours}.")
    for name, module in [("UNet", sampling.unet), *(("ControlNet", control.net) for control in sampling.controls)]:
        if module.config.cross_attention_dim != width:
            needed = module.config.cross_attention_dim
            found.append(f"The prompt has width {width}, this {name} needs {needed}: it belongs to another base model.")
    return found


def _told_scale(unet: UNet2DConditionModel, scale: float, latents: Tensor) -> Tensor | None:
    """The guidance scale as sines and cosines, for a UNet distilled to be told it (arXiv:2310.04378)."""
    size = unet.config.time_cond_proj_dim
    if size is None:
        return None
    frequencies = torch.exp(torch.arange(size // 2) * -(torch.log(torch.tensor(10000.0)) / (size // 2 - 1)))
    angles = torch.tensor(scale - 1).repeat(len(latents))[:, None] * 1000.0 * frequencies[None, :]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.nn.functional.pad(waves, (0, size % 2)).to(latents)
