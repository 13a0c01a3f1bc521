"""Ways of guiding beside plain classifier-free guidance, for the Sampler: diffusers' guiders, and when they guide."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph_runtime import NodeError, Range, node
from sd_nodes.sampling_types import CFG, GuidanceMethod
from sd_nodes.types import Model

Fraction = Annotated[float, Range(0.0, 1.0, 0.001)]
Amount = Annotated[float, Range(0.0, 100.0, 0.1)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Momentum = Annotated[float, Range(-1.0, 1.0, 0.01)]
CATEGORY = "sampling/guidance"


@node("Guidance Window", category=CATEGORY, static=True)
def guidance_window(start: Fraction = 0.0, end: Fraction = 1.0, method: GuidanceMethod | None = None) -> GuidanceMethod:
    """Guide in a part of the steps only; the others take half the time (arXiv:2404.07724).

    Args:
        start: The fraction of the steps before which there is no guidance.
        end: The fraction of the steps after which there is none.
        method: How it is guided in between; by classifier-free guidance if there is none.

    Returns:
        method: The method with this window.
    """
    if not start < end:
        raise NodeError(f"the window is {start:g} to {end:g}: it ends before it starts.", input="end")
    return replace(method or CFG, start=start, end=end)


@node("Adaptive Projected Guidance", category=CATEGORY, static=True)
def adaptive_projected_guidance(momentum: Momentum = -0.5, limit: Amount = 15.0, eta: Share = 1.0) -> GuidanceMethod:
    """Guide strongly without burning out colours: what lies along the prediction counts less (arXiv:2410.02416).

    Args:
        momentum: How much of earlier steps' guidance is added; below zero it is taken away, which evens it; 0 is none.
        limit: The largest norm of what is added; larger ones are made so long. 0 sets no limit.
        eta: How much the part along the prediction counts, which saturates colours; 1 is all of it.

    Returns:
        method: The method.
    """
    remembered = (("adaptive_projected_guidance_momentum", momentum),) if momentum else ()
    return GuidanceMethod(
        "adaptive projected", (*remembered, ("adaptive_projected_guidance_rescale", limit), ("eta", eta))
    )


@node("Adaptive Projected Mix", category=CATEGORY, static=True)
def adaptive_projected_mix(
    scale: Amount = 10.0,
    first: Annotated[int, Range(0, 1000)] = 5,
    momentum: Momentum = -0.5,
    limit: Amount = 10.0,
    eta: Share = 0.0,
) -> GuidanceMethod:
    """Guide by classifier-free guidance in the first steps, and by adaptive projected guidance in the others.

    Args:
        scale: The scale of adaptive projected guidance; that of the sampler is for the first steps.
        first: How many steps come first.
        momentum: How much of earlier steps' guidance is added; below zero it is taken away; 0 is none.
        limit: The largest norm of what is added; larger ones are made so long. 0 sets no limit.
        eta: How much the part along the prediction counts; 1 is all of it.

    Returns:
        method: The method.
    """
    settings = (
        ("adaptive_projected_guidance_scale", scale),
        ("adaptive_projected_guidance_start_step", first),
        ("adaptive_projected_guidance_momentum", momentum),
        ("adaptive_projected_guidance_rescale", limit),
        ("eta", eta),
    )
    return GuidanceMethod("adaptive projected mix", settings)


@node("Zero-Star Guidance", category=CATEGORY, static=True)
def zero_star_guidance(zero_steps: Annotated[int, Range(0, 1000)] = 0) -> GuidanceMethod:
    """Guide away from the negative prediction in the length that fits the prompt's best (CFG-Zero*, arXiv:2503.18886).

    Args:
        zero_steps: In how many steps at the beginning nothing is predicted: about 4 in 100 for models of flows; models
            that predict noise want none.

    Returns:
        method: The method.
    """
    return GuidanceMethod("zero star", (("zero_init_steps", zero_steps),))


@node("Tangential Guidance", category=CATEGORY, static=True)
def tangential_guidance() -> GuidanceMethod:
    """Guide along what both predictions share, without what the negative one has for itself (arXiv:2503.18137).

    Returns:
        method: The method.
    """
    return GuidanceMethod("tangential")


@node("Magnitude-Aware Guidance", category=CATEGORY, static=True)
def magnitude_aware_guidance(alpha: Amount = 8.0) -> GuidanceMethod:
    """Guide less where the predictions lie far apart, so that high scales stay calm (arXiv:2508.03442).

    Args:
        alpha: How quickly the scale falls with the distance.

    Returns:
        method: The method.
    """
    return GuidanceMethod("magnitude aware", (("alpha", alpha),))


@node("Smoothed Energy Guidance", category=CATEGORY, static=True)
def smoothed_energy_guidance(scale: Amount = 3.0, method: GuidanceMethod | None = None) -> GuidanceMethod:
    """Lead away from what the model predicts when its middle attends to all places alike (SEG, arXiv:2408.00760).

    It needs no negative prompt, and adds a third to the time of guided steps.

    Args:
        scale: How far.
        method: How the prompt is followed beside that; by classifier-free guidance if there is none. It may lead away
            from no other disturbed model.

    Returns:
        method: The method with this guidance added.
    """
    return replace(_undisturbed(method or CFG), away=scale, disturbed="mean")


@node("Skip Layer Guidance", category=CATEGORY, static=True)
def skip_layer_guidance(
    scale: Amount = 2.8,
    method: GuidanceMethod | None = None,
    layers: str = "",
    start: Fraction = 0.0,
    end: Fraction = 1.0,
) -> GuidanceMethod:
    """Lead away from what the model predicts when some of its layers are left out (SLG).

    A UNet leaves out the attention in its middle, a transformer such as SD3 the blocks that are named: for SD3.5 medium
    its makers advise 7, 8, 9 from 0.01 to 0.2 of the steps. It needs no negative prompt, and adds a third to the time
    of the steps in its window.

    Args:
        scale: How far.
        method: How the prompt is followed beside that; by classifier-free guidance if there is none. It may lead away
            from no other disturbed model.
        layers: The numbers of a transformer's blocks, from 0, with commas between; empty for a UNet.
        start: The fraction of the steps up to which it is off.
        end: The fraction of the steps from which it is off again.

    Returns:
        method: The method with this guidance added.
    """
    if not start < end:
        raise NodeError(f"the window is {start:g} to {end:g}: it ends before it starts.", input="end")
    numbers = layer_numbers(layers)
    skipping = replace(_undisturbed(method or CFG), away=scale, disturbed="skipped", layers=numbers)
    return replace(skipping, away_start=start, away_end=end)


def layer_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers in a text, each once.

    Raises:
        NodeError: Something in it is no number from 0.
    """
    words = [word.strip() for word in text.replace(";", ",").split(",") if word.strip()]
    if odd := [word for word in words if not (word.isascii() and word.isdigit())]:
        raise NodeError(f"found “{odd[0]}”, needs numbers of layers from 0, such as 7, 8, 9.", input="layers")
    return tuple(dict.fromkeys(map(int, words)))


@node("Auto Guidance", category=CATEGORY, static=True)
def auto_guidance(weaker: Model, method: GuidanceMethod | None = None) -> GuidanceMethod:
    """Guide away from a worse version of the model, instead of from the negative prompt (arXiv:2406.02507).

    The sampler's guidance is how far; 1.5 to 3 is much. The negative prompt is left out.

    Args:
        weaker: A model of the same family that is worse in the same way, such as one trained less.
        method: How both predictions are mixed, and when; by classifier-free guidance if there is none.

    Returns:
        method: The method with the worse model.
    """
    return replace(method or CFG, weaker=weaker)


def _undisturbed(method: GuidanceMethod) -> GuidanceMethod:
    """Return a method as it is, if it leads away from no disturbed model: a step leads away from one only."""
    if method.away:
        name = {"mean": "smoothed energy", "skipped": "skip layer", "own": "perturbed-attention"}[method.disturbed]
        message = f"it leads away from a disturbed model already, by {name} guidance; choose one of them."
        raise NodeError(message, input="method")
    return method
