"""Control pictures in the size that latents need, as node editors bring them there."""

from dataclasses import replace

import torch
from torch import Tensor

from sd_nodes.diffusion.control import Control


def fitted_control(control: Control, latents: torch.Size, prompts: int) -> Control:
    """Fits the picture of a control to a batch of latents.

    Args:
        control: The control, with a picture of any size.
        latents: The shape of what the network sees: [prompts * batch, channel, height, width].
        prompts: How many prompts share the batch.
    """
    factor = 2 ** (len(control.net.config.conditioning_embedding_out_channels) - 1)
    picture = fitted_picture(control.picture, latents[2] * factor, latents[3] * factor)
    mask = None if control.mask is None else for_batch(control.mask, latents[0] // prompts, prompts)
    return replace(control, picture=for_batch(picture, latents[0] // prompts, prompts), mask=mask)


def fitted_picture(picture: Tensor, height: int, width: int) -> Tensor:
    """Crops a picture to the aspect ratio around its centre, and takes the nearest pixel for each.

    Args:
        picture: [batch, height, width, channel].
        height: The height wanted.
        width: The width wanted.
    """
    old_height, old_width = picture.shape[1:3]
    if (old_height, old_width) == (height, width):
        return picture
    left = top = 0
    old_aspect, aspect = old_width / old_height, width / height
    if old_aspect > aspect:
        left = round((old_width - old_width * (aspect / old_aspect)) / 2)
    elif old_aspect < aspect:
        top = round((old_height - old_height * (old_aspect / aspect)) / 2)
    cropped = picture[:, top : old_height - top, left : old_width - left].permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(cropped, (height, width), mode="nearest-exact").permute(0, 2, 3, 1)


def for_batch(picture: Tensor, batch: int, prompts: int) -> Tensor:
    """One picture serves all latents; of several, the first ones are used, and repeated where there are too few."""
    if len(picture) == 1:
        return picture
    each = picture[torch.arange(batch) % len(picture)]
    return torch.cat([each] * prompts)
