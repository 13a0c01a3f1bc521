"""How flow models are read: SD3 and those after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph_runtime import NodeError, Range, node
from sd_nodes.tweaks import Prediction
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
