"""Control-LoRAs: ControlNets stored as low-rank differences from the encoder of the network that they steer.

The layout is that of Stability AI's files: `<layer>.up` and `<layer>.down` beside whole tensors, which replace the
network's own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.layouts import CONTROL_LORA

if TYPE_CHECKING:
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    from sd_nodes.components import Component
    from sd_nodes.headers import Header
    from sd_nodes.types import Control, Model

HINT = "controlnet_cond_embedding."
ENCODER = ("conv_in.", "time_embedding.", "add_embedding.", "down_blocks.", "mid_block.")
"""What the names of the weights begin with that a ControlNet takes over from a network."""


def on_model(control: Control, model: Model) -> Control:
    """Return a control whose network is completed by that of the model, if it is a control-LoRA.

    Args:
        control: The control.
        model: The model that it steers; the LoRAs on it count too.

    Raises:
        NodeError: It is a control-LoRA, and the model is a transformer.
    """
    if control.net.source.part != CONTROL_LORA:
        return control
    if model.source.part != "unet":
        found, net = model.source.name, control.net.source.name
        raise NodeError(f"“{found}” is a transformer; the control-LoRA “{net}” was made for a UNet.", input="model")
    return replace(control, net=replace(control.net, base=model.source, patches=model.patches))


def completed_header(component: Component, base: Component) -> Header:
    """Return what the ControlNet holds that a control-LoRA makes of a network's encoder."""
    taken = {name: tensor for name, tensor in base.header().items() if name.startswith(ENCODER)}
    own = {name: tensor for name, tensor in component.header().items() if not name.endswith((".up", ".down"))}
    return {**taken, **own}


def completed(component: Component, unet: UNet2DConditionModel) -> ControlNetModel:
    """Build the ControlNet that a control-LoRA makes of a network's encoder, float32.

    Raises:
        NodeError: It was made for another network.
    """
    from diffusers import ControlNetModel
    from safetensors import safe_open

    names = component.names or {}
    with safe_open(component.root, framework="pt") as file:
        own = {name: file.get_tensor(old).float() for name, old in names.items()}
    widths = _hint_widths(own)
    net: ControlNetModel = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=widths, conditioning_channels=own[f"{HINT}conv_in.weight"].shape[1]
    )
    state = net.state_dict()
    for name, tensor in _changed(own, state).items():
        if name not in state or state[name].numel() != tensor.numel():
            found, needed = list(tensor.shape), list(state[name].shape) if name in state else "none"
            message = f"its {name} is {found}, the model's {needed}: it was made for another base model."
            raise NodeError(f"{component.root} does not fit the model: {message}")
        state[name] = tensor.reshape(state[name].shape)
    net.load_state_dict(state)
    return net


def _changed(own: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights that are not the network's: with a difference of two halves, or others altogether."""
    found = {}
    for name, tensor in own.items():
        stem, _, end = name.rpartition(".")
        if end == "up":
            change = tensor.flatten(1) @ own[f"{stem}.down"].flatten(1)
            weight = f"{stem}.weight"
            same = weight in state and state[weight].numel() == change.numel()
            found[weight] = state[weight] + change.reshape(state[weight].shape) if same else change
        elif end != "down":
            found[name] = tensor
    return found


def _hint_widths(own: dict[str, torch.Tensor]) -> tuple[int, ...]:
    """The widths of the layers that embed the control picture, before each of which but the first it is halved."""
    blocks = sorted(int(match[1]) for name in own if (match := re.match(rf"{HINT}blocks\.(\d+)\.weight", name)))
    return own[f"{HINT}conv_in.weight"].shape[0], *(own[f"{HINT}blocks.{i}.weight"].shape[0] for i in blocks[1::2])
