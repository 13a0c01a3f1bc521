"""What a model in a single file was trained to predict: nothing in the file names it, but its weights tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sd_nodes.headers import read_header

if TYPE_CHECKING:
    from sd_nodes.components import Component
    from sd_nodes.shapes import Config

TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
"""The end of the name of the tensor by which models of velocities are told from models of noise."""

SPREAD = 0.09
"""The standard deviation of that tensor above which the model predicts velocities."""

PLAIN = 4
"""The channels that the second generation's models of velocities take; those for inpainting predict noise."""

MARK, ZERO_SNR = "v_pred", "ztsnr"
"""Tensors by which fine-tunes of SDXL say that they predict velocities, and that they start from pure noise."""


def prediction(component: Component, family: str) -> Config:
    """Return how a UNet's scheduler differs from the one that its family has.

    Args:
        component: The UNet in a single file.
        family: What it belongs to.
    """
    header = read_header(component.root)
    if MARK in header:
        return {"prediction_type": "v_prediction", "rescale_betas_zero_snr": ZERO_SNR in header}
    into = component.header().get("conv_in.weight")
    if family != "sd2" or into is None or into.shape[1:2] != (PLAIN,):
        return {}
    name = next((old for old in (component.names or {}).values() if old.endswith(TELLING)), None)
    return {"prediction_type": "v_prediction"} if name and _spread(component, name) > SPREAD else {}


def _spread(component: Component, name: str) -> float:
    from safetensors import safe_open

    with safe_open(component.root, framework="pt") as file:
        return float(file.get_tensor(name).float().std())
