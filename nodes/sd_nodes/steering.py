"""From the ControlNets on a conditioning to those that steer a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.diffusion.control import Control as Steering
from sd_nodes.resizing import resize, resize_around_holes
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from graph_runtime import Progress
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


def steering(control: Control, latent: Latent, store: WeightStore, lent: ExitStack, progress: Progress) -> Steering:
    """Make a control ready for a run: its network lent, its picture in the size of the picture to be drawn."""
    net = lent.enter_context(store.controlnet(control.net))
    factor = 2 ** (len(net.config.conditioning_embedding_out_channels) - 1)
    height, width = (side * factor for side in latent["samples"].shape[2:])
    picture = Image(control.picture[..., : net.config.conditioning_channels])
    if (found := tuple(picture.shape[1:3])) != (height, width):
        progress.say(f"the control picture is scaled from {found[1]} x {found[0]} to {width} x {height}")
        picture = fitted(picture, width, height)
    return Steering(
        net, picture, control.strength, control.start, control.end, control.guess, control.mask, task=control.net.task
    )


def fitted(picture: Image, width: int, height: int) -> Image:
    """Scale a control picture and cut off what is over on both sides alike; pixels of -1 are holes, and stay so."""
    if bool((picture < 0).any()):
        return resize_around_holes(picture, width, height)
    return resize(picture, width, height, "lanczos", crop=True)
