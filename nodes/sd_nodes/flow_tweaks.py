"""How flow models are read and steered: SD3 and those after it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated

from graph_runtime import NodeError, Range, node
from sd_nodes.tweaks import Prediction, SkippedLayers
from sd_nodes.types import Model


@node("ModelSamplingSD3", category="advanced/model", id="ModelSamplingSD3", static=True)
def model_sampling_sd3(model: Model, shift: Annotated[float, Range(0.0, 100.0, 0.01)] = 3.0) -> Model:
    """Set how far the noise levels of a flow model are shifted towards noise (arXiv:2403.03206, section 5.3.2).

    Args:
        model: The model.
        shift: How far; larger pictures need more.

    Returns:
        MODEL: The model, read this way.
    """
    if not shift:
        raise NodeError("found 0: at a shift of 0 there is no noise; needed is more.", input="shift")
    return replace(model, tweaks=replace(model.tweaks, prediction=Prediction("flow", shift=shift)))


@node("SkipLayerGuidanceSD3", category="advanced/guidance", id="SkipLayerGuidanceSD3", static=True)
def skip_layer_guidance_sd3(
    model: Model,
    layers: str = "7, 8, 9",
    scale: Annotated[float, Range(0.0, 10.0, 0.1)] = 3.0,
    start_percent: Annotated[float, Range(0.0, 1.0, 0.001)] = 0.01,
    end_percent: Annotated[float, Range(0.0, 1.0, 0.001)] = 0.15,
) -> Model:
    """Lead samples away from what SD3 predicts without some of its blocks: hands and bodies come out better.

    Args:
        model: The model.
        layers: The numbers of the blocks, from 0, with commas between; where there are none, nothing changes.
        scale: How far.
        start_percent: The fraction of the sampling before which it is off.
        end_percent: The fraction of the sampling after which it is off.

    Returns:
        MODEL: The model, guided this way.
    """
    numbers = tuple(dict.fromkeys(map(int, re.findall(r"[0-9]+", layers))))
    if not numbers or not scale:
        return model
    skipped = SkippedLayers(numbers, scale, start_percent, end_percent)
    return replace(model, tweaks=replace(model.tweaks, skipped=skipped))
