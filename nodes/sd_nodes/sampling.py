"""Samples: from noise, or from a picture's latents with noise on them, to the latents of a picture."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import SILENT, NodeError, Progress, Range, Seed, node
from sd_nodes.control_loras import on_model
from sd_nodes.diffusion.scheduler_checks import shift_option
from sd_nodes.latent_channels import fitting
from sd_nodes.needs import guided
from sd_nodes.refusals import demand_followed, demand_window
from sd_nodes.sampling_types import CFG, GuidanceMethod
from sd_nodes.telling import told
from sd_nodes.types import Condition, Conditioning, Latent, Model, Option, Recipe
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from sd_nodes.diffusion.condition import Condition as Told
    from sd_nodes.diffusion.guidance import Guidance


@node("Sampler", category="sampling", id="Sampler", resource="gpu", version=3)
def sampler(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    latent: Latent,
    seed: Seed = 0,
    steps: Annotated[int, Range(1, 1000)] = 20,
    guidance: Annotated[float, Range(0.0, 100.0, 0.1)] = 7.5,
    denoise: Annotated[float, Range(0.0, 1.0, 0.01)] = 1.0,
    rescale: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.0,
    method: GuidanceMethod | None = None,
    start: Annotated[float, Range(0.0, 1.0, 0.001)] = 0.0,
    end: Annotated[float, Range(0.0, 1.0, 0.001)] = 1.0,
    seeds: Literal["one", "each"] = "one",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Latent:
    """Draw latents with the model's scheduler, exactly as diffusers' pipelines do for the same seed.

    Args:
        model: The model, with its scheduler.
        positive: What the picture should show. Its ControlNets steer the prompt's half and the negative's half alike.
        negative: What the picture should not show; unused where the guidance is 1 or less.
        latent: Empty latents to draw from noise alone, or those of a picture to change: all of it, or what its noise
            mask covers.
        seed: Where the noise comes from: one generator draws for the whole batch, in order.
        steps: How many steps the whole way from noise takes.
        guidance: The scale of classifier-free guidance: how far the prompt is followed (arXiv:2207.12598).
        denoise: Which part of the way is gone, for the latents of a picture: at 0 they stay as they are.
        rescale: How far strong guidance is kept from burning out colours (arXiv:2305.08891, section 3.4).
        method: When there is guidance, and how; without it, classifier-free guidance in every step.
        start: The part of the noise that is gone already, for latents of a sampler that ended there: a refiner goes on
            where the base model ended. Diffusers calls it `denoising_start`.
        end: The part of the noise that is gone at the end; the rest stays in the latents. Diffusers calls it
            `denoising_end`.
        seeds: `each` gives every picture of the batch a generator of its own: that of the seed, that of the seed after
            it, and so on, as diffusers does for a list of generators. Alone, a picture is drawn again by its own seed,
            but for the last bits where the size of the batch changes the arithmetic.

    Returns:
        LATENT: The drawn latents.
    """
    from sd_nodes.diffusion.denoise import seeded, seeded_each
    from sd_nodes.diffusion.mmdit import as_unet
    from sd_nodes.diffusion.predicting import Sampling
    from sd_nodes.diffusion.reusing import Reuse
    from sd_nodes.diffusion.schedulers import make_scheduler
    from sd_nodes.drawing import Run, takes_picture
    from sd_nodes.previews import shown_by
    from sd_nodes.steering import Steered, demand_same

    demand_window(start, end)
    if denoise == 0.0 and start == 0.0:
        return latent
    demand_followed(model)
    wanted, unwanted = _only(positive, "positive"), _only(negative, "negative")
    demand_same(wanted.controls, unwanted.controls)
    with ExitStack() as lent:
        unet = as_unet(lent.enter_context(store.unet(model, guided(latent["samples"]))))
        latent = fitting(latent, model, unet.config.out_channels)
        steered = Steered(latent, unet, store, lent, progress, seed)
        controls = [steered.by(on_model(one, model), place) for place, one in enumerate(wanted.controls)]
        way = _disturbed(method or CFG, model)
        weaker = as_unet(lent.enter_context(store.unet(way.weaker))) if way.weaker else None
        networks = _networks(model, wanted, way)
        _say_notes(networks, store, progress)
        scheduler = make_scheduler(model.scheduler.name, store.scheduler_config(model), options_of(model))
        both = told(wanted, unet, latent["samples"]), told(unwanted, unet, latent["samples"], negative=True)
        guide = _guidance(both, guidance, rescale, way)
        replayer = store.replayer(*networks)
        reuse = model.tweaks.reused and Reuse(model.tweaks.reused.every, model.tweaks.reused.depth)
        sampling = Sampling(
            unet, scheduler, guide, steps, controls, start=start, end=end, replayer=replayer, weaker=weaker, reuse=reuse
        )
        show = shown_by(store, model)
        generator = seeded(seed) if seeds == "one" else seeded_each(seed, len(latent["samples"]))
        scale, shift = store.latent_scale(model), store.latent_shift(model)
        run = Run(sampling, scale, shift, generator, denoise, lambda i, n, x: progress(i, n, show(x)))
        drawn = run.drawn(latent, wanted.hole if takes_picture(unet) else None)
        if model.settings.graphs and store.replaying_problem:
            progress.say(store.replaying_problem, once=True)
    return {"samples": finite(drawn)}


def options_of(model: Model) -> dict[str, Option]:
    """Return the options of a model's scheduler; how far a model of flows is shifted may be set on the model too."""
    options, told = dict(model.scheduler.options), model.tweaks.prediction
    if told is None or told.shift is None or options.keys() & {"shift", "flow_shift"}:
        return options
    return options | {shift_option(model.scheduler.name): told.shift}


def _networks(model: Model, wanted: Condition, way: GuidanceMethod) -> list[Recipe]:
    """The networks that compute in a step."""
    weaker = [way.weaker] if way.weaker else []
    return [model, *(control.net for control in wanted.controls), *weaker]


def _only(conditioning: Conditioning, name: str) -> Condition:
    count = len(conditioning.conditions)
    if count != 1:
        raise NodeError(f"found {count} conditions together; this sampler takes one prompt.", input=name)
    condition = conditioning.conditions[0]
    if condition.partial:
        message = "it is bound to a part of the picture or of the sampling; this sampler takes a prompt for the whole."
        raise NodeError(message, input=name)
    if condition.boxes or condition.glances:
        raise NodeError("it has boxes or pictures in it; those are followed by KSampler and SamplerCustom.", input=name)
    return condition


def _say_notes(recipes: Sequence[Recipe], store: WeightStore, progress: Progress) -> None:
    for note in dict.fromkeys(note for recipe in recipes for note in store.notes(recipe)):
        progress.say(note, once=True)


def _guidance(told: tuple[Told, Told], scale: float, rescale: float, method: GuidanceMethod) -> Guidance:
    from sd_nodes.diffusion.guidance import Guidance

    return Guidance(
        *told,
        scale,
        rescale,
        start=method.start,
        end=method.end,
        method=method.name,
        options=dict(method.settings),
        perturbed=method.away,
        way=method.disturbed,
        layers=method.layers,
        away_start=method.away_start,
        away_end=method.away_end,
    )


def _disturbed(method: GuidanceMethod, model: Model) -> GuidanceMethod:
    """Return the method with the guidance away from a disturbed model that was put on the model."""
    perturbed, skipped = model.tweaks.perturbed, model.tweaks.skipped
    if (perturbed or skipped) and method.away:
        name = "perturbed-attention" if perturbed else "skip-layer"
        message = f"it leads away from a disturbed model already, by the model's own {name} guidance."
        raise NodeError(message, input="method")
    if skipped is None:
        return replace(method, away=perturbed) if perturbed else method
    led = replace(method, away=skipped.scale, disturbed="skipped", layers=skipped.layers)
    return replace(led, away_start=skipped.start, away_end=skipped.end)


def finite(latents: torch.Tensor) -> torch.Tensor:
    """Return drawn latents on the CPU, in float32 where they are not finer.

    Raises:
        NodeError: They hold NaN or infinite numbers.
    """
    if not latents.isfinite().all():
        raise NodeError(
            "the latents became NaN or infinite: use a wider dtype (Model Dtype) or other scheduler options."
        )
    return latents.cpu() if latents.dtype.itemsize > 4 else latents.float().cpu()
