"""Samples: from noise, or from a picture's latents with noise on them, to the latents of a picture."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, NodeError, Progress, Range, Seed, node
from sd_nodes.telling import told
from sd_nodes.tweaks import Tweaks
from sd_nodes.types import Condition, Conditioning, Control, Image, Latent, Model, Recipe
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from diffusers import UNet2DConditionModel

    from sd_nodes.diffusion.control import Control as Placed
    from sd_nodes.diffusion.guidance import Guidance


@node("Sampler", category="sampling", id="Sampler", resource="gpu")
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
        seed: Where the noise comes from.
        steps: How many steps the whole way from noise takes.
        guidance: The scale of classifier-free guidance: how far the prompt is followed (arXiv:2207.12598).
        denoise: Which part of the way is gone, for the latents of a picture: at 0 they stay as they are.
        rescale: How far strong guidance is kept from burning out colours (arXiv:2305.08891, section 3.4).

    Returns:
        LATENT: The drawn latents.
    """
    from sd_nodes.diffusion.denoise import Sampling, seeded
    from sd_nodes.diffusion.schedulers import make_scheduler
    from sd_nodes.drawing import Run, takes_picture
    from sd_nodes.previews import shown_by

    if denoise == 0.0:
        return latent
    if model.tweaks != Tweaks():
        message = "how it is read or steered was changed; that is followed by KSampler and SamplerCustom."
        raise NodeError(message, input="model")
    wanted, unwanted = _only(positive, "positive"), _only(negative, "negative")
    _same_controls(wanted.controls, unwanted.controls)
    with ExitStack() as lent:
        unet = lent.enter_context(store.unet(model))
        controls = [_placed(one, latent, store, lent, progress) for one in wanted.controls]
        _say_notes([model, *(control.net for control in wanted.controls)], store, progress)
        scheduler = make_scheduler(model.scheduler.name, store.scheduler_config(model), dict(model.scheduler.options))
        guide = _guidance(wanted, unwanted, unet, latent["samples"], guidance, rescale)
        sampling = Sampling(unet, scheduler, guide, steps, controls)
        show = shown_by(store, model)
        run = Run(sampling, store.latent_scale(model), seeded(seed), denoise, lambda i, n, x: progress(i, n, show(x)))
        drawn = run.drawn(latent, wanted.hole if takes_picture(unet) else None)
    return {"samples": finite(drawn)}


def _only(conditioning: Conditioning, name: str) -> Condition:
    count = len(conditioning.conditions)
    if count != 1:
        raise NodeError(f"found {count} conditions together; this sampler takes one prompt.", input=name)
    condition = conditioning.conditions[0]
    if condition.partial:
        message = "it is bound to a part of the picture or of the sampling; this sampler takes a prompt for the whole."
        raise NodeError(message, input=name)
    return condition


def _say_notes(recipes: Sequence[Recipe], store: WeightStore, progress: Progress) -> None:
    for note in dict.fromkeys(note for recipe in recipes for note in store.notes(recipe)):
        progress.say(note)


def _guidance(
    wanted: Condition,
    unwanted: Condition,
    unet: UNet2DConditionModel,
    samples: torch.Tensor,
    scale: float,
    rescale: float,
) -> Guidance:
    from sd_nodes.diffusion.guidance import Guidance

    return Guidance(told(wanted, unet, samples), told(unwanted, unet, samples, negative=True), scale, rescale)


def _same_controls(positive: Sequence[Control], negative: Sequence[Control]) -> None:
    """The ControlNets see both halves of a guidance batch at once, so both must ask for the same ones, or only one."""

    def alike(one: Control, other: Control) -> bool:
        ours, theirs = ((c.net, c.strength, c.start, c.end) for c in (one, other))
        return ours == theirs and one.picture.equal(other.picture)

    if negative and (len(positive) != len(negative) or not all(map(alike, positive, negative))):
        raise NodeError(
            "its ControlNets are others than those of the positive conditioning; apply each to both.", input="negative"
        )


def _placed(control: Control, latent: Latent, store: WeightStore, lent: ExitStack, progress: Progress) -> Placed:
    """Make a control ready for the loop: its network lent, its picture in the size of the picture to be drawn."""
    from sd_nodes.diffusion.control import Control as Placed
    from sd_nodes.resizing import resize

    net = lent.enter_context(store.controlnet(control.net))
    factor = 2 ** (len(net.config.conditioning_embedding_out_channels) - 1)
    height, width = (side * factor for side in latent["samples"].shape[2:])
    picture = Image(control.picture[..., : net.config.conditioning_channels])
    if (found := tuple(picture.shape[1:3])) != (height, width):
        progress.say(f"the control picture is scaled from {found[1]} x {found[0]} to {width} x {height}")
        picture = resize(picture, width, height, "lanczos", crop=True)
    return Placed(net, picture, control.strength, control.start, control.end, task=control.net.task)


def finite(latents: torch.Tensor) -> torch.Tensor:
    """Return drawn latents in float32 on the CPU.

    Raises:
        NodeError: They hold NaN or infinite numbers.
    """
    if not latents.isfinite().all():
        raise NodeError(
            "the latents became NaN or infinite: use a wider dtype (Model Dtype) or other scheduler options."
        )
    return latents.float().cpu()
