"""From the ControlNets on a conditioning to those that steer a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from diffusers import SD3ControlNetModel, T2IAdapter

from graph_runtime import NodeError
from sd_nodes.diffusion.control import Control as Steering
from sd_nodes.diffusion.denoise import seeded
from sd_nodes.diffusion.vae import distribution
from sd_nodes.joint_steering import joint_steering
from sd_nodes.resizing import resize, resize_around_holes
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from graph_runtime import Progress
    from sd_nodes.diffusion.joint_control import JointControl
    from sd_nodes.types import Control, Latent
    from sd_nodes.weights import WeightStore


def demand_same(positive: Sequence[Control], negative: Sequence[Control]) -> None:
    """Make sure that both prompts ask for the same ControlNets: those see both halves of a guidance batch at once.

    Raises:
        NodeError: The negative prompt asks for others; it may ask for none.
    """
    same = len(positive) == len(negative) and all(
        one.alike(other) for one, other in zip(positive, negative, strict=True)
    )
    if negative and not same:
        raise NodeError(
            "its ControlNets are others than those of the positive conditioning; apply each to both.", input="negative"
        )


@final
@dataclass(frozen=True)
class Steered:
    """What ControlNets are made ready for.

    Args:
        latent: The latents that a run starts from.
        unet: The denoising network.
        store: Lends their networks.
        lent: Gives them back at the end of the run.
        progress: Is told where a picture is scaled.
        seed: The seed of the run.
    """

    latent: Latent
    unet: UNet2DConditionModel
    store: WeightStore
    lent: ExitStack
    progress: Progress
    seed: int = 0

    def by(self, control: Control, place: int) -> Steering | JointControl:
        """Make a control ready for a run: its network lent, its picture in the size of the picture to be drawn.

        Args:
            control: The control.
            place: How many others come before it.

        Raises:
            NodeError: Its network belongs to another family, or it is asked for what it has not.
        """
        net = self.lent.enter_context(self.store.controlnet(control.net))
        if isinstance(net, SD3ControlNetModel):
            drawn = Drawn(self.seed, place)
            made = joint_steering(control, net, self.unet, self.store, self.lent, drawn.encoded)
            return replace(made, picture=self._fitted(Image(control.picture[..., :3]), made.pixels))
        if isinstance(net, T2IAdapter):
            name = control.net.source.name
            raise NodeError(f"“{name}” is a T2I adapter; those are followed by KSampler and SamplerCustom.")
        factor = 2 ** (len(net.config.conditioning_embedding_out_channels) - 1)
        picture = self._fitted(Image(control.picture[..., : net.config.conditioning_channels]), factor)
        return Steering(
            net, picture, control.strength, control.start, control.end, control.guess, control.mask,
            task=control.net.task,
        )  # fmt: skip

    def _fitted(self, picture: Image, factor: int) -> Image:
        height, width = (side * factor for side in self.latent["samples"].shape[2:])
        if (found := tuple(picture.shape[1:3])) == (height, width):
            return picture
        self.progress.say(f"the control picture is scaled from {found[1]} x {found[0]} to {width} x {height}")
        return fitted(picture, width, height)


@final
@dataclass(frozen=True)
class Drawn:
    """Draws the latents of control pictures as diffusers' pipelines do: from the run's seed, one after the other.

    Args:
        seed: The seed.
        place: How many control pictures of this size come before this one.
    """

    seed: int
    place: int

    def encoded(self, picture: torch.Tensor, vae: AutoencoderKL) -> torch.Tensor:
        """Return latents of pictures, `[batch, height, width, 3]`, that an autoencoder gives."""
        found, generator = distribution(picture, vae), seeded(self.seed)
        for _ in range(self.place):
            found.sample(generator)
        return found.sample(generator)


def fitted(picture: Image, width: int, height: int) -> Image:
    """Scale a control picture and cut off what is over on both sides alike; pixels of -1 are holes, and stay so."""
    if bool((picture < 0).any()):
        return resize_around_holes(picture, width, height)
    return resize(picture, width, height, "lanczos", crop=True)
