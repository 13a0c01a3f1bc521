"""From the conditions of the graph to what a network is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sd_nodes.diffusion.footprint import PIXELS
from sd_nodes.types import Framing

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DConditionModel

    from sd_nodes.beside import Beside
    from sd_nodes.diffusion.condition import Condition as Told
    from sd_nodes.types import Condition

AESTHETIC, UNAESTHETIC = 6.0, 2.5
"""How beautiful pictures are that the refiner is to draw, and those that it is to keep away from."""


def told(
    condition: Condition,
    unet: UNet2DConditionModel,
    samples: torch.Tensor,
    negative: bool = False,
    seed: int = 0,
    beside: Beside | None = None,
) -> Told:
    """Return what a network is told of one condition.

    Args:
        condition: The condition.
        unet: The network.
        samples: The latents, `[batch, channel, height, width]`, whose size counts where the condition names none.
        negative: The condition says what is not to be drawn.
        seed: The seed of the run, for the noise on pictures that are told.
        beside: What the model has beside its network.
    """
    from sd_nodes.diffusion.condition import Condition as Told
    from sd_nodes.diffusion.micro import added
    from sd_nodes.diffusion.unclip import MERGED, labels

    height, width = (side * PIXELS for side in samples.shape[2:])
    framing = condition.framing or Framing(width, height)
    score = framing.aesthetic if framing.aesthetic is not None else UNAESTHETIC if negative else AESTHETIC
    sizes = (
        framing.height, framing.width, framing.crop_y, framing.crop_x,
        height if framing.target_height is None else framing.target_height,
        width if framing.target_width is None else framing.target_width,
    )  # fmt: skip
    pictures = _pictures(condition, seed, beside, MERGED if unet.config.class_embed_type == "projection" else 0.0)
    pooled = condition.pooled
    if pictures is not None and pooled is not None:
        pooled = pictures[:, : pooled.shape[1]]
    further = {**added(unet, pooled, sizes, score), **labels(unet, pictures)}
    if unet.config.addition_embed_type == "pooled" and pooled is not None:
        further["text_embeds"] = pooled
    if getattr(unet, "position_net", None) is not None:
        further |= _boxes(condition, unet, samples)
    states = condition.embedding if beside is None else beside.projected(condition.embedding)
    return Told(states, further)


def _boxes(condition: Condition, unet: UNet2DConditionModel, samples: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what a network is told of boxes, which are in latent pixels."""
    from sd_nodes.diffusion.gligen import Box, told_boxes

    rows, columns = samples.shape[2:]
    boxes = [
        Box(one.pooled, one.x / columns, one.y / rows, (one.x + one.width) / columns, (one.y + one.height) / rows)
        for one in condition.boxes
    ]
    return told_boxes(boxes, unet.position_net.positive_len)


def _pictures(condition: Condition, seed: int, beside: Beside | None, merged: float) -> torch.Tensor | None:
    from sd_nodes.diffusion.unclip import Glance, told_pictures

    glances = [Glance(one.seen.embeds, one.strength, one.noise) for one in condition.glances]
    return told_pictures(glances, seed, beside.normalizer if beside else None, merged) if glances else None
