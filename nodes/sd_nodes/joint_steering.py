"""From a ControlNet of SD3 in the graph to one at work: with the autoencoder that its picture goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.diffusion.joint_control import JointControl
from sd_nodes.diffusion.mmdit import Mmdit
from sd_nodes.diffusion.vae import encode, factor
from sd_nodes.headers import read_header
from sd_nodes.sources import locate

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    import torch
    from diffusers import AutoencoderKL, SD3ControlNetModel, UNet2DConditionModel

    from graph_runtime import Folders
    from sd_nodes.types import Control, ControlNet
    from sd_nodes.weights import WeightStore

KIND = "control_type"
"""The tensor by which files of SD3.5 say which kind of picture they are for."""


def joint_steering(
    control: Control,
    net: SD3ControlNetModel,
    unet: UNet2DConditionModel,
    store: WeightStore,
    lent: ExitStack,
    encoding: Callable[[torch.Tensor, AutoencoderKL], torch.Tensor] | None = None,
) -> JointControl:
    """Return a ControlNet of SD3 at work.

    Args:
        control: The ControlNet in the graph.
        net: Its network.
        unet: The denoising network that it steers.
        store: Lends the autoencoder.
        lent: Gives it back at the end of the run.
        encoding: Turns pictures into latents that are not scaled; by themselves, into their means.

    Raises:
        NodeError: It comes without an autoencoder, steers another family, or is asked for what SD3 has not.
    """
    if not isinstance(unet, Mmdit):
        raise NodeError(f"the ControlNet “{control.net.source.name}” is of SD3; the model is not.")
    if control.vae is None:
        raise NodeError(f"the ControlNet “{control.net.source.name}” sees latents: wire the VAE into its node too.")
    if control.mask is not None or control.guess:
        raise NodeError("ControlNets of SD3 know neither masks nor guess mode.")
    vae = lent.enter_context(store.vae(control.vae))

    def encoded(picture: torch.Tensor) -> torch.Tensor:
        return encoding(picture, vae) if encoding else encode(picture, vae).float()

    return JointControl(
        net,
        control.picture,
        encoded,
        float(vae.config.scaling_factor),
        float(vae.config.shift_factor or 0.0),
        factor(vae),
        _kind(control.net, store.folders),
        unet.transformer.pos_embed,
        control.strength,
        control.start,
        control.end,
    )


def _kind(net: ControlNet, folders: Folders) -> int | None:
    component = locate(net.source, folders)
    if component.folder is not None or KIND not in read_header(component.root):
        return None
    from safetensors import safe_open

    with safe_open(component.root, framework="pt") as file:
        return round(float(file.get_tensor(KIND)))
