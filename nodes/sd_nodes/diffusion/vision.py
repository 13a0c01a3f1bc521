"""Pictures as CLIP sees them (arXiv:2103.00020)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPVisionModelWithProjection

from sd_nodes.diffusion.views import device_of

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on."""


class Seen(NamedTuple):
    """What was seen: one vector for each picture, [batch, width], and states, [batch, tokens, width], of two layers."""

    embeds: Tensor
    last: Tensor
    penultimate: Tensor


def prepared(picture: Tensor, side: int, crop: bool) -> Tensor:
    """Brings pictures into the size and range that CLIP was trained on.

    Args:
        picture: float32 [batch, height, width, 3], 0..1.
        side: The side of the square that is seen.
        crop: Sees the square in the middle; otherwise the whole picture, squeezed into a square.

    Returns:
        [batch, 3, side, side].
    """
    pixels = picture[..., :3].movedim(-1, 1)
    if pixels.shape[2:] != (side, side):
        height, width = pixels.shape[2:]
        shorter = min(height, width)
        size = (round(side / shorter * height), round(side / shorter * width)) if crop else (side, side)
        pixels = interpolate(pixels, size, mode="bicubic", antialias=True)
        top, left = ((length - side) // 2 for length in pixels.shape[2:])
        pixels = pixels[:, :, top : top + side, left : left + side]
    rounded = (255.0 * pixels).clamp(0, 255).round() / 255.0
    mean, deviation = (torch.tensor(values).view(3, 1, 1).to(rounded) for values in (MEAN, DEVIATION))
    return (rounded - mean) / deviation


@torch.no_grad()
def see(picture: Tensor, network: CLIPVisionModelWithProjection, crop: bool = True) -> Seen:
    """Lets CLIP see pictures; see `prepared`.

    Returns:
        float32 on the CPU.
    """
    pixels = prepared(picture, network.config.image_size, crop).to(device_of(network), network.dtype)
    found = network(pixels, output_hidden_states=True)
    return Seen(*(one.float().cpu() for one in (found.image_embeds, found.last_hidden_state, found.hidden_states[-2])))
