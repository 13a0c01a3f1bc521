"""Changes how a model is read and steered: what it predicts, how its predictions are mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import NodeError, Range, node
from sd_nodes.tweaks import FreeUScales, Prediction, Tweaks
from sd_nodes.types import Model

Level = Annotated[float, Range(0.0, 1000.0, 0.001)]
Factor = Annotated[float, Range(0.0, 10.0, 0.01)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]


@node("ModelSamplingDiscrete", category="advanced/model", id="ModelSamplingDiscrete", static=True)
def model_sampling_discrete(
    model: Model, sampling: Literal["eps", "v_prediction", "lcm", "x0", "img_to_img"] = "eps", zsnr: bool = False
) -> Model:
    """Say what a model of numbered timesteps predicts.

    Args:
        model: The model.
        sampling: The noise, velocities (arXiv:2202.00512), what a consistency model does (arXiv:2310.04378), the clean
            latents, or latents of another picture from those of one, without noise.
        zsnr: Whether its last noise level is pure noise (arXiv:2305.08891).

    Returns:
        MODEL: The model, read this way.
    """
    return _tweaked(model, replace(model.tweaks, prediction=Prediction(sampling, zsnr)))


@node("ModelSamplingContinuousEDM", category="advanced/model", id="ModelSamplingContinuousEDM", static=True)
def model_sampling_continuous_edm(
    model: Model,
    sampling: Literal["v_prediction", "edm", "edm_playground_v2.5", "eps"] = "v_prediction",
    sigma_max: Level = 120.0,
    sigma_min: Level = 0.002,
) -> Model:
    """Say what a model predicts that is told the logarithm of the noise level (arXiv:2206.00364).

    Args:
        model: The model.
        sampling: Velocities, a mixture of clean latents and noise, the same over the latents of Playground 2.5, or the
            noise.
        sigma_max: The highest noise level.
        sigma_min: The lowest noise level, over 0.

    Returns:
        MODEL: The model, read this way.
    """
    if not 0.0 < sigma_min < sigma_max:
        message = f"the noise levels are {sigma_min:g} to {sigma_max:g}, needed is 0 < sigma_min < sigma_max."
        raise NodeError(message, input="sigma_min")
    kind = "edm" if sampling == "edm_playground_v2.5" else sampling
    told = Prediction(kind, levels=(sigma_min, sigma_max), by_channel=sampling != kind)
    return _tweaked(model, replace(model.tweaks, prediction=told))


@node("FreeU", category="model_patches/unet", id="FreeU", static=True)
def freeu(model: Model, b1: Factor = 1.1, b2: Factor = 1.2, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Let a model's decoder trust its own features more and the skip connections less (arXiv:2309.11497).

    Args:
        model: The model.
        b1: What its widest features are multiplied by.
        b2: What features half as wide are multiplied by.
        s1: What the low frequencies of the skip connections beside its widest features are multiplied by.
        s2: What those beside features half as wide are multiplied by.

    Returns:
        MODEL: The model, rebalanced.
    """
    return _tweaked(model, _rebalanced(model.tweaks, FreeUScales((b1, b2), (s1, s2))))


@node("FreeU_V2", category="model_patches/unet", id="FreeU_V2", static=True)
def freeu_v2(model: Model, b1: Factor = 1.3, b2: Factor = 1.4, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Let a model's decoder trust its own features more where they are strong, and the skip connections less.

    Args:
        model: The model.
        b1: What its widest features are multiplied by at most.
        b2: What features half as wide are multiplied by at most.
        s1: What the low frequencies of the skip connections beside its widest features are multiplied by.
        s2: What those beside features half as wide are multiplied by.

    Returns:
        MODEL: The model, rebalanced.
    """
    return _tweaked(model, _rebalanced(model.tweaks, FreeUScales((b1, b2), (s1, s2), by_mean=True)))


@node("Differential Diffusion", category="_for_testing", id="DifferentialDiffusion", static=True)
def differential_diffusion(model: Model, strength: Share = 1.0) -> Model:
    """Let places under a soft noise mask begin the later, the darker they are (arXiv:2306.00950).

    Args:
        model: The model.
        strength: How much of this counts beside the mask itself.

    Returns:
        MODEL: The model, masked this way.
    """
    return _tweaked(model, replace(model.tweaks, gradual=strength))


def _rebalanced(tweaks: Tweaks, scales: FreeUScales) -> Tweaks:
    return replace(tweaks, freeu=(*tweaks.freeu, scales))


def _tweaked(model: Model, tweaks: Tweaks) -> Model:
    return replace(model, tweaks=tweaks)
