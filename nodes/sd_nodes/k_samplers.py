"""Samples over noise levels, as the node editors of the field do it."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import SILENT, Progress, Range, Seed, node
from sd_nodes.sampler_names import SamplerName, ScheduleName
from sd_nodes.sampling_types import Guider, Noise, Sampler
from sd_nodes.types import Conditioning, Latent, Model
from sd_nodes.weights import WeightStore

Steps = Annotated[int, Range(1, 10000)]
Step = Annotated[int, Range(0, 10000)]
Scale = Annotated[float, Range(0.0, 100.0, 0.1)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]


@node("KSampler", category="sampling", id="KSampler", resource="gpu", version=3)
def ksampler(
    model: Model,
    *,
    seed: Seed = 0,
    steps: Steps = 20,
    cfg: Scale = 8.0,
    sampler_name: SamplerName = "euler",
    scheduler: ScheduleName = "simple",
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Share = 1.0,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Latent:
    """Draw latents: noise is put on them, and taken away step by step as the prompts guide.

    Args:
        model: The model.
        seed: Where the noise comes from.
        steps: How many steps are made.
        cfg: The scale of classifier-free guidance: how far the prompt is followed (arXiv:2207.12598).
        sampler_name: How the model's predictions become steps.
        scheduler: Which noise levels are visited.
        positive: What the picture should show.
        negative: What the picture should not show; unused where the guidance is 1.
        latent_image: Empty latents to draw from noise alone, or those of a picture to change: all of it, or what its
            noise mask covers.
        denoise: Which part of the way is gone, for the latents of a picture: at 0 they stay as they are.

    Returns:
        LATENT: The drawn latents.
    """
    from sd_nodes.diffusion.k.samplers.names import named
    from sd_nodes.diffusion.k.schedules import by_steps
    from sd_nodes.k_sampling import draw, parameterization

    levels = parameterization(model, store).levels
    sigmas = by_steps(scheduler, levels, steps, denoise, named(sampler_name).drops_last)
    guider = Guider(model, positive, negative, cfg)
    return draw(guider, Sampler(sampler_name), sigmas, latent_image, Noise(seed), store, progress).latents


@node("KSampler (Advanced)", category="sampling", id="KSamplerAdvanced", resource="gpu", version=3)
def ksampler_advanced(
    model: Model,
    *,
    add_noise: Literal["enable", "disable"] = "enable",
    noise_seed: Seed = 0,
    steps: Steps = 20,
    cfg: Scale = 8.0,
    sampler_name: SamplerName = "euler",
    scheduler: ScheduleName = "simple",
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Step = 0,
    end_at_step: Step = 10000,
    return_with_leftover_noise: Literal["disable", "enable"] = "disable",
    store: WeightStore,
    progress: Progress = SILENT,
) -> Latent:
    """Draw latents over a part of the steps, so that several samplers can follow each other.

    Args:
        model: The model.
        add_noise: Whether noise is put on the latents first; latents of an earlier part bear it already.
        noise_seed: Where the noise comes from.
        steps: How many steps the whole way has.
        cfg: The scale of classifier-free guidance: how far the prompt is followed (arXiv:2207.12598).
        sampler_name: How the model's predictions become steps.
        scheduler: Which noise levels are visited.
        positive: What the picture should show.
        negative: What the picture should not show; unused where the guidance is 1.
        latent_image: The latents to start from.
        start_at_step: The first step that is made, from 0.
        end_at_step: The step before which it stops.
        return_with_leftover_noise: Whether the latents keep the noise of the steps that are left; if not, the last step
            takes all of it away.

    Returns:
        LATENT: The drawn latents.
    """
    from sd_nodes.diffusion.k.samplers.names import named
    from sd_nodes.diffusion.k.schedules import by_steps, cut
    from sd_nodes.k_sampling import draw, parameterization

    levels = parameterization(model, store).levels
    whole = by_steps(scheduler, levels, steps, 1.0, named(sampler_name).drops_last)
    sigmas = cut(whole, start_at_step, end_at_step, return_with_leftover_noise == "disable")
    guider, noise = Guider(model, positive, negative, cfg), Noise(noise_seed, add_noise == "enable")
    return draw(guider, Sampler(sampler_name), sigmas, latent_image, noise, store, progress).latents
