"""Changes how a model's predictions are guided: the rule by which they are mixed, and what is done to the mixture."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, NamedTuple

from graph_runtime import NodeError, Range, node
from sd_nodes.tweaks import Away, Blurred, Ruled
from sd_nodes.types import Model

Share = Annotated[float, Range(0.0, 1.0, 0.01)]
GUIDANCE = "advanced/guidance"


class Patched(NamedTuple):
    """A changed model.

    Args:
        patched_model: The model, guided this way.
    """

    patched_model: Model


@node("RescaleCFG", category="advanced/model", id="RescaleCFG", static=True)
def rescale_cfg(model: Model, multiplier: Share = 0.7) -> Model:
    """Keep strong guidance from burning out colours (arXiv:2305.08891, section 3.4).

    Args:
        model: The model.
        multiplier: How far guided predictions are brought back to the deviation of unguided ones.

    Returns:
        MODEL: The model, guided this way.
    """
    return replace(model, tweaks=replace(model.tweaks, rescale=multiplier))


@node("Perturbed-Attention Guidance", category="model_patches/unet", id="PerturbedAttentionGuidance", static=True)
def perturbed_attention_guidance(model: Model, scale: Annotated[float, Range(0.0, 100.0, 0.01)] = 3.0) -> Model:
    """Lead samples away from what a model predicts without attention in its middle block (arXiv:2403.17377).

    Args:
        model: The model.
        scale: How far.

    Returns:
        MODEL: The model, guided this way.
    """
    return _corrected(model, Away(scale))


@node("Self-Attention Guidance", category="_for_testing", id="SelfAttentionGuidance", static=True)
def self_attention_guidance(
    model: Model,
    scale: Annotated[float, Range(-2.0, 5.0, 0.01)] = 0.5,
    blur_sigma: Annotated[float, Range(0.0, 10.0, 0.1)] = 2.0,
) -> Model:
    """Lead samples away from what a model predicts where it looks most, seen blurred (arXiv:2210.00939).

    It adds about half to the time of each step.

    Args:
        model: The model.
        scale: How far.
        blur_sigma: How wide the blur is, in latent pixels.

    Returns:
        MODEL: The model, guided this way.
    """
    if not blur_sigma:
        raise NodeError("found 0: nothing is blurred by that; needed is more.", input="blur_sigma")
    return _corrected(model, Blurred(scale, blur_sigma))


@node("CFGZeroStar", category=GUIDANCE, id="CFGZeroStar", static=True)
def cfg_zero_star(model: Model) -> Patched:
    """Guide away from the negative prediction in the length that fits the prompt's best (arXiv:2503.18886).

    Args:
        model: The model.
    """
    return Patched(_corrected(model, Ruled("zero star")))


@node("CFGNorm", category=GUIDANCE, id="CFGNorm", static=True)
def cfg_norm(model: Model, strength: Annotated[float, Range(0.0, 100.0, 0.01)] = 1.0) -> Patched:
    """Keep guided predictions at each place no longer than the prompt's own.

    Args:
        model: The model.
        strength: What the result is multiplied by.
    """
    return Patched(_corrected(model, Ruled("norm", strength)))


@node("Mahiro", category="_for_testing", id="Mahiro", static=True)
def mahiro(model: Model) -> Patched:
    """Follow the direction of the prompt the more, the less guidance goes where the negative prompt goes.

    Args:
        model: The model.
    """
    return Patched(_corrected(model, Ruled("towards prompt")))


@node("Tangential Damping CFG", category=GUIDANCE, id="TCFG", static=True)
def tcfg(model: Model) -> Patched:
    """Guide along what both predictions share, without what the negative one has for itself (arXiv:2503.18137).

    Args:
        model: The model.
    """
    return Patched(replace(model, tweaks=replace(model.tweaks, damped=True)))


@node("Epsilon Scaling", category="model_patches/unet", id="Epsilon Scaling", static=True)
def epsilon_scaling(model: Model, scaling_factor: Annotated[float, Range(0.5, 1.5, 0.001)] = 1.005) -> Model:
    """Take the predicted noise to be smaller, as errors add up on the way (arXiv:2308.15321).

    Args:
        model: The model.
        scaling_factor: What it is divided by.

    Returns:
        MODEL: The model, guided this way.
    """
    return _corrected(model, Ruled("less noise", scaling_factor))


def _corrected(model: Model, correction: Away | Blurred | Ruled) -> Model:
    tweaks = replace(model.tweaks, corrections=(*model.tweaks.corrections, correction))
    return replace(model, tweaks=tweaks)
