"""Runs over noise levels: from the recipes and latents of the graph to the latents that a run draws."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import torch

from graph_runtime import NodeError
from sd_nodes.beside import beside
from sd_nodes.corrections import corrections_of, watching
from sd_nodes.diffusion.gligen import with_boxes
from sd_nodes.diffusion.k.freeu import Scales, with_freeu
from sd_nodes.diffusion.k.guidance import Cfg, DualCfg, PerpNeg, Rescaled, plain
from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.masking import gradual
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.noise import LARGEST_SEED, after_start, start_noise
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.sample import Sampling, sample
from sd_nodes.diffusion.k.samplers.names import demand_sampler
from sd_nodes.diffusion.k.stepwise import Stepwise
from sd_nodes.diffusion.mmdit import Mmdit, as_unet
from sd_nodes.diffusion.perturbed import attends_in_middle
from sd_nodes.diffusion.scheduler_checks import kind_of
from sd_nodes.diffusion.shrinking import Shrink
from sd_nodes.diffusion.views import device_of
from sd_nodes.latent_channels import fitting
from sd_nodes.latent_edits import edited
from sd_nodes.needs import guided
from sd_nodes.previews import shown_by
from sd_nodes.prompting import Nets, Scene, sharing_boxes
from sd_nodes.sampler_settings import sampler_of
from sd_nodes.sampling import finite
from sd_nodes.seeding import seed_rule
from sd_nodes.tweaks import Ruled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diffusers import UNet2DConditionModel

    from graph_runtime import Progress
    from sd_nodes.diffusion.gligen import Gligen
    from sd_nodes.diffusion.k.guidance import Guide
    from sd_nodes.diffusion.k.parameterization import Kind
    from sd_nodes.diffusion.k.self_attention import Watch
    from sd_nodes.sampling_types import Guider, Noise, Sampler
    from sd_nodes.tweaks import Tweaks
    from sd_nodes.types import Latent, Model
    from sd_nodes.weights import WeightStore

KINDS: dict[object, Kind] = {"epsilon": "eps", "v_prediction": "v_prediction", "sample": "x0"}
"""Kinds of predictions by diffusers' names."""


MEANS, DEVIATIONS = (-1.6574, 1.886, -1.383, 2.5155), (8.4927, 5.9022, 6.5498, 5.2299)
"""The latents of Playground 2.5, channel by channel (arXiv:2402.17245)."""

DEVIATION = 0.5
"""What its latents are brought to; the deviation that the mixtures of clean latents and noise are made for."""


class Drawn(NamedTuple):
    """What a run drew: latents at its last noise level, and what they denoise to."""

    latents: Latent
    denoised: Latent


def parameterization(model: Model, store: WeightStore) -> Parameterization:
    """Return what a model predicts, and the noise levels that it knows."""
    config, told = store.scheduler_config(model), model.tweaks.prediction
    if told is None and kind_of(config) == "flow":
        return Parameterization.flow(float(str(config.get("shift", config.get("flow_shift", 1.0)))))
    if told is not None and told.shift is not None:
        return Parameterization.flow(told.shift)
    if told is None:
        kind = KINDS.get(config.get("prediction_type", "epsilon"), "eps")
        return Parameterization.discrete(noise_table(config), kind, bool(config.get("rescale_betas_zero_snr")))
    if told.levels is not None:
        return Parameterization.continuous(told.kind, *told.levels)
    return Parameterization.discrete(noise_table(config), told.kind, told.zero_snr)


def latent_form(model: Model, store: WeightStore) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what an autoencoder's latents are multiplied by for a model, and what is taken from them before."""
    told = model.tweaks.prediction
    if told is not None and told.by_channel:
        means, deviations = (torch.tensor(each).reshape(1, -1, 1, 1) for each in (MEANS, DEVIATIONS))
        return DEVIATION / deviations, means
    return torch.tensor(store.latent_scale(model)), torch.tensor(store.latent_shift(model))


def _entered(latent: Latent, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Latents in float32 as the network sees them, where it is; empty ones stay empty."""
    samples = latent["samples"].float().to(scale.device)
    return (samples - shift) * scale if samples.any() else samples


def draw(
    guider: Guider,
    sampler: Sampler,
    sigmas: Sequence[float],
    latent: Latent,
    noise: Noise,
    store: WeightStore,
    progress: Progress,
) -> Drawn:
    """Run a sampler.

    Args:
        guider: The model and its prompts.
        sampler: The sampler.
        sigmas: The noise levels to visit, falling; where there are none the latents stay as they are.
        latent: The latents to start from.
        noise: Where noise comes from.
        store: Lends the networks.
        progress: Is told about each step.
    """
    if not sigmas:
        return Drawn(latent, latent)
    model = guider.model
    if model.tweaks.reused is not None:
        raise NodeError("features of earlier steps are used by Sampler alone: leave Reuse Features out.", input="model")
    with ExitStack() as lent:
        unet = _tweaked(as_unet(lent.enter_context(store.unet(model, guided(latent["samples"])))), model.tweaks)
        latent = fitting(latent, model, unet.config.out_channels)
        unet = _boxed(unet, guider, store, lent)
        for note in (*store.notes(model), *_left_out(model, unet)):
            progress.say(note, once=True)
        form, show = parameterization(model, store), shown_by(store, model)
        scale, shift = (each.to(device_of(unet)) for each in latent_form(model, store))
        demand_sampler(sampler.name, form)
        named = sampler_of(sampler)
        drawing = _drawing(latent, noise.seed, named.own_mask_noise)
        network = Network(unet, form, _stepwise(model.tweaks, form, drawing))
        scene = Scene(
            unet, latent, store.latent_scale(model), Nets(store, model, lent), noise.seed, beside(model, store.folders)
        )
        watched, watch = watching(network, model.tweaks)
        guide = _guide(guider, network, watched, watch, scene)
        strength = model.tweaks.gradual
        rule = None if strength is None else partial(gradual, form.levels, strength=strength)
        sampling = Sampling(watched, guide, named, sigmas, noise.seed, seed_rule(), rule, drawing)
        samples = _entered(latent, scale, shift)
        started = _start(samples, noise, latent)
        mask = latent.get("noise_mask")
        last = sample(sampling, samples, started, mask, lambda i, n, x: progress(i, n, show(x)))
    return Drawn(*(edited(latent, finite(each / scale + shift)) for each in last))


def noised(model: Model, noise: Noise, sigmas: Sequence[float], latent: Latent, store: WeightStore) -> Latent:
    """Put noise on latents that makes up for the way between the ends of noise levels; without levels, none."""
    if not sigmas:
        return latent
    level = abs(sigmas[0] - sigmas[-1]) if len(sigmas) > 1 else sigmas[0]
    scale, shift = latent_form(model, store)
    samples = latent["samples"].float()
    drawn = _start(samples, noise, latent)
    clean = (samples - shift) * scale if samples.any() else samples
    mixed = parameterization(model, store).mixed(clean, drawn, level)
    return edited(latent, (mixed / scale + shift).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0))


def _start(samples: torch.Tensor, noise: Noise, latent: Latent) -> torch.Tensor:
    if not noise.drawn:
        return samples.new_zeros(samples.shape)
    return start_noise(samples.shape, noise.seed, latent.get("batch_index")).to(samples)


def _left_out(model: Model, unet: UNet2DConditionModel) -> Iterator[str]:
    """Tell what was asked of a model that this sampler, or the model itself, does not do."""
    if model.settings.graphs:
        yield "CUDA graphs are recorded by Sampler; this sampler computes each step as usual"
    if model.tweaks.skipped and not isinstance(unet, Mmdit):
        yield "layers by number are those of a transformer such as SD3: skip-layer guidance is left out"
    if any(not isinstance(one, Ruled) for one in model.tweaks.corrections) and not attends_in_middle(unet):
        yield "the model has no attention in its middle block: guidance by that is left out"


def _tweaked(unet: UNet2DConditionModel, tweaks: Tweaks) -> UNet2DConditionModel:
    if isinstance(unet, Mmdit) and (tweaks.freeu or tweaks.perturbed or tweaks.shrinking or tweaks.merged):
        raise NodeError("its inner layers were changed as those of a UNet; SD3 has others.", input="model")
    for scales in reversed(tweaks.freeu):
        wide, narrow = (Scales(*each) for each in zip(scales.backbone, scales.skip, strict=True))
        unet = with_freeu(unet, wide, narrow, scales.by_mean)
    return unet


def _boxed(unet: UNet2DConditionModel, guider: Guider, store: WeightStore, lent: ExitStack) -> UNet2DConditionModel:
    """Put the layers into a network that bind words to boxes, where a prompt has some."""
    prompts = [each for each in (guider.positive, guider.middle, guider.negative) if each is not None]
    models = dict.fromkeys(box.model for each in prompts for one in each.conditions for box in one.boxes)
    if len(models) > 1:
        raise NodeError("boxes are bound by several GLIGEN models; take one for all of them.")
    for model in models:
        return with_boxes(unet, cast("Gligen", lent.enter_context(store.module(model))))
    return unet


def _drawing(latent: Latent, seed: int, keeps_other_noise: bool) -> torch.Generator:
    """Return what everything else is drawn from: where the start noise ends, or the noise that a mask keeps."""
    if keeps_other_noise:
        return after_start(latent["samples"].shape, (seed + 1) & LARGEST_SEED)
    return after_start(latent["samples"].shape, seed, latent.get("batch_index"))


def _stepwise(tweaks: Tweaks, form: Parameterization, generator: torch.Generator) -> Stepwise | None:
    """Return how a network changes from step to step."""
    if not tweaks.merged and tweaks.shrinking is None:
        return None
    plan = tweaks.shrinking
    if plan is None:
        return Stepwise(form.levels, merged=tweaks.merged, generator=generator)
    shrink = Shrink(plan.block, plan.factor, plan.after_skip, plan.down, plan.up)
    return Stepwise(form.levels, shrink, plan.start, plan.end, tweaks.merged, generator)


def _guide(guider: Guider, network: Network, watched: Network, watch: Watch | None, scene: Scene) -> Guide:
    tweaks, whole = guider.model.tweaks, watch is not None
    mix = plain if tweaks.rescale is None else Rescaled(network, tweaks.rescale)
    corrections = corrections_of(tweaks, network, watched, watch)
    positive = scene.prompts(guider.positive)
    negative = scene.prompts(sharing_boxes(guider.positive, guider.negative), negative=True)
    if guider.middle is None:
        return Cfg(positive, negative, guider.scale, mix, corrections, whole, tweaks.damped)
    middle, scales = scene.prompts(sharing_boxes(guider.positive, guider.middle)), (guider.scale, guider.middle_scale)
    if guider.style == "perpendicular":
        return PerpNeg(positive, negative, middle, *scales, corrections, whole, tweaks.damped)
    return DualCfg(positive, middle, negative, *scales, guider.style == "nested", mix, corrections, whole)
