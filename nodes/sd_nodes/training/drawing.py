"""Drawing many pictures at once with a base model, to look at and to measure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ControlNetModel, SchedulerMixin, UniPCMultistepScheduler
from torch import Tensor

from .model import LatentDiffusion
from .words import Words


def noise_of(seeds: Sequence[int], edge: int) -> Tensor:
    """Draws each picture's first noise from its own seed, `[batch, 4, edge, edge]`."""
    return torch.cat([torch.randn(1, 4, edge, edge, generator=torch.Generator().manual_seed(s)) for s in seeds])


@torch.inference_mode()
def draw(
    model: LatentDiffusion,
    captions: Sequence[str],
    seeds: Sequence[int],
    controlnet: ControlNetModel | None = None,
    control: Tensor | None = None,
    steps: int = 20,
    guidance: float = 3.0,
    scheduler: SchedulerMixin | None = None,
) -> Tensor:
    """Draws pictures with classifier-free guidance, in bfloat16 where torch thinks it safe.

    Args:
        model: What draws.
        captions: One for each picture.
        seeds: One for each picture.
        controlnet: Steers the pictures, if given.
        control: What it is steered by, `[batch, 3, height, width]`, 0..1.
        steps: The scheduler's steps.
        guidance: How much the prompt counts; 1 is no guidance.
        scheduler: Takes the place of UniPC if given.

    Returns:
        `[batch, 3, height, width]`, 0..1.
    """
    solver = scheduler or UniPCMultistepScheduler.from_config(model.scheduler.config)
    solver.set_timesteps(steps)
    if hasattr(solver, "set_begin_index"):
        solver.set_begin_index(0)  # the first timestep may stand twice, and would be taken for the second
    device = model.unet.device
    edge = model.unet.config.sample_size if control is None else control.shape[-1] // 8
    latents = noise_of(seeds, edge).to(device) * solver.init_noise_sigma
    hints = None if control is None else torch.cat([control, control]).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        size = edge * 2 ** (len(model.vae.config.block_out_channels) - 1)
        words = Words.joined([model.encode_text(texts, size) for texts in ([""] * len(captions), captions)])
        told = {"encoder_hidden_states": words.states, "added_cond_kwargs": words.added}
        for timestep in solver.timesteps:
            twice = solver.scale_model_input(torch.cat([latents, latents]), timestep)
            residuals = {}
            if controlnet is not None:
                down, middle = controlnet(twice, timestep, controlnet_cond=hints, return_dict=False, **told)
                residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
            made = model.unet(twice, timestep, return_dict=False, **told, **residuals)[0].float()
            empty, named = made.chunk(2)
            latents = solver.step(empty + guidance * (named - empty), timestep, latents, return_dict=False)[0]
        return model.decode(latents)
