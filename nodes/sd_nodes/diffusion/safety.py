"""The safety checker of Stable Diffusion: which pictures it flags, and how those are hidden."""

from typing import Literal

import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPImageProcessor

from sd_nodes.diffusion.pictures import as_bytes, to_channels_first, to_picture
from sd_nodes.diffusion.views import device_of

Hiding = Literal["black", "blurred"]
"""How a flagged picture is hidden."""


@torch.no_grad()
def flagged(picture: Tensor, checker: StableDiffusionSafetyChecker, processor: CLIPImageProcessor) -> list[bool]:
    """Tells which pictures the checker holds for unsafe, as diffusers' pipelines do.

    Args:
        picture: float32 [batch, height, width, 3], 0..1; it is looked at in 8 bits a channel.
        checker: The safety checker.
        processor: What scales and normalises pictures for it.

    Returns:
        A flag for each picture.
    """
    files = [Image.fromarray(one.numpy()) for one in as_bytes(picture.cpu())]
    pixels = processor(files, return_tensors="pt").pixel_values.to(device_of(checker), checker.dtype)
    # The checker blackens what it is given beside the pixels: that is done here, by `hide`.
    flags: list[bool] = checker(clip_input=pixels, images=torch.zeros(len(files), 1))[1]
    return flags


def hide(picture: Tensor, flags: list[bool], how: Hiding = "black") -> Tensor:
    """Hides the flagged pictures and leaves the others as they are.

    Args:
        picture: float32 [batch, height, width, 3], 0..1.
        flags: A flag for each picture.
        how: Black, or blurred until only large patches of colour are left.

    Returns:
        The pictures, in a new tensor.
    """
    if not any(flags):
        return picture.clone()
    hidden = torch.zeros_like(picture) if how == "black" else _blurred(picture)
    return torch.where(torch.tensor(flags, device=picture.device)[:, None, None, None], hidden, picture)


def _blurred(picture: Tensor, patches: int = 8) -> Tensor:
    """Keeps a few patches of colour: the picture is made that small and large again."""
    small = interpolate(to_channels_first(picture), size=(patches, patches), mode="area")
    return to_picture(interpolate(small, size=picture.shape[1:3], mode="bilinear")).to(picture)
