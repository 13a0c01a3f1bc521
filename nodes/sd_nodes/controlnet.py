"""Applies ControlNets to conditionings: twice in a row gives two ControlNets."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

from graph_runtime import Range, node
from sd_nodes.refusals import demand_window
from sd_nodes.types import Conditioning, Control, ControlNet, Image, Mask, Vae

Strength = Annotated[float, Range(0.0, 10.0, 0.01)]
Fraction = Annotated[float, Range(0.0, 1.0, 0.001)]
UnionType = Literal[
    "auto", "openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd", "normal", "segment",
    "tile", "repaint",
]  # fmt: skip
TASKS = ("openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd", "normal", "segment", "tile",
         "repaint")  # fmt: skip
"""The kinds of pictures that a union of ControlNets knows, in its order."""


class Pair(NamedTuple):
    """Both conditionings, steered alike.

    Args:
        positive: What the picture should show.
        negative: What it should not.
    """

    positive: Conditioning
    negative: Conditioning


@node("Apply ControlNet", category="conditioning/controlnet", id="ControlNetApplyAdvanced", resource="io")
def controlnet_apply_advanced(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Fraction = 0.0,
    end_percent: Fraction = 1.0,
    vae: Vae | None = None,
) -> Pair:
    """Let a picture steer the sampler through a ControlNet, during a part of the sampling.

    Args:
        positive: What the picture should show.
        negative: What it should not.
        control_net: The ControlNet.
        image: The control picture: edges, depth, or what else the ControlNet was trained for.
        strength: How strongly it steers; 0 is off, 1 is as trained.
        start_percent: The fraction of the steps before which it is off.
        end_percent: The fraction of the steps after which it is off; before the start, it is always off.
        vae: Only ControlNets that work on latents need it; the others leave it alone.
    """
    control = Control(control_net, image, strength, start_percent, end_percent, vae=vae)
    return _applied(positive, negative, control)


def _applied(positive: Conditioning, negative: Conditioning, control: Control) -> Pair:
    if control.strength == 0.0:
        return Pair(positive, negative)
    return Pair(positive.controlled(control), negative.controlled(control))


@node("Apply ControlNet (Masked)", category="conditioning/controlnet", id="ControlNetApplyMasked", resource="io")
def controlnet_apply_masked(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start: Fraction = 0.0,
    end: Fraction = 1.0,
    mask: Mask | None = None,
    guess: bool = False,
) -> Pair:
    """Let a picture steer the sampler through a ControlNet, in a part of the picture and of the sampling.

    Several of these in a row have each its own mask; where masks overlap, what the ControlNets say adds up.

    Args:
        positive: What the picture should show.
        negative: What it should not.
        control_net: The ControlNet.
        image: The control picture: edges, depth, or what else the ControlNet was trained for.
        strength: How strongly it steers; 0 is off, 1 is as trained.
        start: The fraction of the steps before which it is off.
        end: The fraction of the steps after which it is off.
        mask: Where on the drawn picture it steers: 1 fully, 0 not at all; everywhere if there is none. It is scaled to
            the size of what the ControlNet adds at each layer of the model.
        guess: The ControlNet guesses what the picture shows: the negative prompt's half is left alone, and what it adds
            counts from a tenth at the shallowest layer to all at the deepest. A guidance of 3 to 5 suits it.
    """
    demand_window(start, end, strength)
    return _applied(positive, negative, Control(control_net, image, strength, start, end, mask, guess))


@node("Apply ControlNet (Simple)", category="conditioning/controlnet", id="ControlNetApply", resource="io")
def controlnet_apply(
    conditioning: Conditioning, control_net: ControlNet, image: Image, strength: Strength = 1.0
) -> Conditioning:
    """Let a picture steer the sampler through a ControlNet, from the first step to the last.

    Args:
        conditioning: What the picture should show.
        control_net: The ControlNet.
        image: The control picture: edges, depth, or what else the ControlNet was trained for.
        strength: How strongly it steers; 0 is off, 1 is as trained.

    Returns:
        CONDITIONING: The conditioning with the ControlNet on it.
    """
    if strength == 0.0:
        return conditioning
    return conditioning.controlled(Control(control_net, image, strength), shared=True)


@node("Set Union ControlNet Type", category="conditioning/controlnet", id="SetUnionControlNetType", static=True)
def set_union_controlnet_type(control_net: ControlNet, type: UnionType = "auto") -> ControlNet:
    """Tell a union of ControlNets which kind of picture steers it; a ControlNet of one kind stays as it is.

    Args:
        control_net: The ControlNet.
        type: The kind of picture; `auto` leaves it open.

    Returns:
        CONTROL_NET: The ControlNet, told the kind.
    """
    return replace(control_net, task=TASKS.index(type) if type in TASKS else None)


@node("Apply Controlnet with VAE", category="conditioning/controlnet", id="ControlNetApplySD3", resource="io")
def controlnet_apply_sd3(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Vae,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Fraction = 0.0,
    end_percent: Fraction = 1.0,
) -> Pair:
    """Let a picture steer the sampler through a ControlNet that sees its latents, as those of SD3 do.

    Args:
        positive: What the picture should show.
        negative: What it should not.
        control_net: The ControlNet.
        vae: The autoencoder that turns the control picture into latents.
        image: The control picture.
        strength: How strongly it steers; 0 is off, 1 is as trained.
        start_percent: The fraction of the sampling before which it is off.
        end_percent: The fraction of the sampling after which it is off.
    """
    control = Control(control_net, image, strength, start_percent, end_percent, vae=vae)
    return _applied(positive, negative, control)
