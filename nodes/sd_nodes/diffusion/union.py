"""A union of ControlNets: one network that knows several kinds of control pictures (arXiv:2407.07614, ControlNet++)."""

from collections.abc import Mapping
from typing import TypeAlias, cast

import torch
from diffusers import ControlNetModel, ControlNetUnionModel
from torch import Tensor, nn

from sd_nodes.diffusion.views import view_of

Net: TypeAlias = ControlNetModel | ControlNetUnionModel


def set_task(net: Net, task: int | None) -> Net:
    """Returns a ControlNet ready for one kind of picture.

    Args:
        net: The ControlNet; only a union of them knows kinds.
        task: The place of the kind among those it knows. Without one the picture's embedding alone counts, and nothing
            is added to it for the kind.
    """
    if not isinstance(net, ControlNetUnionModel) or task is not None:
        return net
    return cast("Net", view_of(net, {"spatial_ch_projs": _Nothing()}))


def picture_arguments(net: Net, pixels: Tensor, strength: float, task: int | None) -> Mapping[str, object]:
    """Returns the arguments by which a ControlNet takes its picture.

    Args:
        net: The ControlNet.
        pixels: [batch, channel, height, width].
        strength: What its residuals are multiplied by.
        task: See `set_task`.
    """
    if not isinstance(net, ControlNetUnionModel):
        return {"controlnet_cond": pixels, "conditioning_scale": strength}
    kinds = torch.zeros(len(pixels), net.config.num_control_type, device=pixels.device, dtype=pixels.dtype)
    if task is not None:
        kinds[:, task] = 1
    return {
        "controlnet_cond": [pixels],
        "control_type": kinds,
        "control_type_idx": [task or 0],
        "conditioning_scale": float(strength),
    }


class _Nothing(nn.Module):
    """Stands where a union adds what it learned about a kind of picture, and adds nothing."""

    def forward(self, features: Tensor) -> Tensor:
        return features.new_zeros(len(features), 1)
