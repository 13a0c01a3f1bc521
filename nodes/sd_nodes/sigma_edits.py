"""Noise levels written down, split, turned round, begun elsewhere, made denser and read off a model."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from graph_runtime import Range, node
from sd_nodes.sampling_types import Sigmas
from sd_nodes.types import Model
from sd_nodes.weights import WeightStore

Share = Annotated[float, Range(0.0, 1.0, 0.01)]
CATEGORY = "sampling/custom_sampling/sigmas"
NUMBER = re.compile(r"[-+]?\d*\.*\d+")
"""A number as it is found in any text: an exponent is another number."""


class Halves(NamedTuple):
    """Noise levels in two runs that follow each other; the second begins where the first ends.

    Args:
        high_sigmas: The higher levels.
        low_sigmas: The lower levels.
    """

    high_sigmas: Sigmas
    low_sigmas: Sigmas


@node("Split Sigmas", category=CATEGORY, id="SplitSigmas")
def split_sigmas(sigmas: Sigmas, step: Annotated[int, Range(0, 10000)] = 0) -> Halves:
    """Split noise levels after a step.

    Args:
        sigmas: The noise levels.
        step: How many steps the first run has.
    """
    return Halves(Sigmas(sigmas[: step + 1]), Sigmas(sigmas[step:]))


@node("Split Sigmas Denoise", category=CATEGORY, id="SplitSigmasDenoise")
def split_sigmas_denoise(sigmas: Sigmas, denoise: Share = 1.0) -> Halves:
    """Split noise levels so that the second run has a part of the steps.

    Args:
        sigmas: The noise levels.
        denoise: The part of the second run; at 0 there is no first run either.
    """
    last = round(max(len(sigmas) - 1, 0) * denoise)
    return Halves(Sigmas(sigmas[:-last]), Sigmas(sigmas[-(last + 1) :]))


@node("Flip Sigmas", category=CATEGORY, id="FlipSigmas")
def flip_sigmas(sigmas: Sigmas) -> Sigmas:
    """Turn noise levels round, to bring a picture back to its noise.

    Args:
        sigmas: The noise levels.

    Returns:
        SIGMAS: The noise levels, rising; a zero at their begin becomes 0.0001.
    """
    flipped = sigmas.flip(0)
    if len(flipped) and flipped[0] == 0:
        flipped[0] = 0.0001
    return Sigmas(flipped)


@node("Set First Sigma", category=CATEGORY, id="SetFirstSigma")
def set_first_sigma(sigmas: Sigmas, sigma: Annotated[float, Range(0.0, 20000.0, 0.001)] = 136.0) -> Sigmas:
    """Set the noise level that a run begins at.

    Args:
        sigmas: The noise levels.
        sigma: The first one.

    Returns:
        SIGMAS: The noise levels with this one first.
    """
    changed = sigmas.clone()
    changed[:1] = sigma
    return Sigmas(changed)


@node("Extend Intermediate Sigmas", category=CATEGORY, id="ExtendIntermediateSigmas")
def extend_intermediate_sigmas(
    sigmas: Sigmas,
    steps: Annotated[int, Range(1, 100)] = 2,
    start_at_sigma: Annotated[float, Range(-1.0, 20000.0, 0.01)] = -1.0,
    end_at_sigma: Annotated[float, Range(0.0, 20000.0, 0.01)] = 12.0,
    spacing: Literal["linear", "cosine", "sine"] = "linear",
) -> Sigmas:
    """Make several steps of each step within a range of noise levels.

    Args:
        sigmas: The noise levels.
        steps: How many steps are made of one.
        start_at_sigma: The highest level that is followed by more steps; below zero it is any.
        end_at_sigma: The lowest one.
        spacing: Where the new levels lie: evenly, closer to the end of a step (cosine), or to its begin (sine).

    Returns:
        SIGMAS: The noise levels with those between them.
    """
    import torch

    parts = torch.linspace(0, 1, steps + 1)[1:-1]
    if spacing == "cosine":
        parts = torch.sin(parts * math.pi / 2)
    elif spacing == "sine":
        parts = 1 - torch.cos(parts * math.pi / 2)
    highest = start_at_sigma if start_at_sigma >= 0 else math.inf
    found = []
    for sigma, following in pairwise(sigmas):
        between = parts * (following - sigma) + sigma if end_at_sigma <= sigma <= highest else parts[:0]
        found += [sigma[None], between]
    return Sigmas(torch.cat([*found, sigmas[-1:]]))


@node("Manual Sigmas", category="_for_testing/custom_sampling", id="ManualSigmas")
def manual_sigmas(sigmas: str = "1, 0.5") -> Sigmas:
    """Write noise levels down.

    Args:
        sigmas: The noise levels; whatever stands between numbers keeps them apart.

    Returns:
        SIGMAS: The noise levels.
    """
    import torch

    return Sigmas(torch.tensor([float(one) for one in NUMBER.findall(sigmas)], dtype=torch.float32))


class Level(NamedTuple):
    """A noise level.

    Args:
        sigma_value: The noise level.
    """

    sigma_value: float


@node("Sampling Percent To Sigma", category=CATEGORY, id="SamplingPercentToSigma")
def sampling_percent_to_sigma(
    model: Model,
    sampling_percent: Annotated[float, Range(0.0, 1.0, 0.0001)] = 0.0,
    return_actual_sigma: bool = False,
    *,
    store: WeightStore,
) -> Level:
    """Tell which noise level lies a part of the way down those that a model knows.

    Args:
        model: The model.
        sampling_percent: The part of the way, 0 to 1.
        return_actual_sigma: At the ends, whether the model's highest and lowest level are told, and not a number above
            all levels and zero.
    """
    from sd_nodes.k_sampling import parameterization

    form = parameterization(model, store)
    if return_actual_sigma and sampling_percent in (0.0, 1.0):
        return Level(form.highest if sampling_percent == 0.0 else form.lowest)
    return Level(form.levels.at_percent(sampling_percent))
