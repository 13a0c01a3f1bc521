"""The safety checker of Stable Diffusion: which pictures it flags, and how those are hidden."""

from typing import Literal

import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from diffusers.pipelines.stable_diffusion.safety_checker import cosine_distance
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPImageProcessorPil

from sd_nodes.diffusion.pictures import as_bytes, to_channels_first, to_picture
from sd_nodes.diffusion.views import device_of

Hiding = Literal["black", "blurred"]
"""How a flagged picture is hidden."""


CAREFUL = 0.01
"""How much sooner concepts are found in a picture that calls for special care."""


class SafetyChecker(StableDiffusionSafetyChecker):  # type: ignore[misc]  # diffusers has no types
    """Diffusers' safety checker, told apart by what it returns: not flags, but by how much they are deserved."""

    @torch.no_grad()
    def forward(self, clip_input: Tensor) -> Tensor:
        """Returns the largest margin over all concepts, float32 [batch], rounded to thousandths: over 0 is unsafe.

        Args:
            clip_input: Pictures as the processor prepares them, [batch, 3, height, width].
        """
        seen = self.visual_projection(self.vision_model(clip_input)[1])
        care = _over(seen, self.special_care_embeds, self.special_care_embeds_weights) > 0
        sooner = CAREFUL * care.any(dim=1, keepdim=True).float()
        return _over(seen, self.concept_embeds, self.concept_embeds_weights, sooner).amax(dim=1)


def _over(seen: Tensor, concepts: Tensor, allowed: Tensor, sooner: Tensor | float = 0.0) -> Tensor:
    similar = cosine_distance(seen, concepts).cpu().float()
    return torch.round(similar - allowed.cpu().float() + sooner, decimals=3)


def margins(picture: Tensor, checker: SafetyChecker, processor: CLIPImageProcessorPil) -> list[float]:
    """Tells by how much pictures are more like an unsafe concept than allowed.

    Args:
        picture: float32 [batch, height, width, 3], 0..1; it is looked at in 8 bits a channel.
        checker: The safety checker.
        processor: What scales and normalises pictures for it.

    Returns:
        The margin of each picture, over 0 where diffusers' pipelines flag it.
    """
    files = [Image.fromarray(one.numpy()) for one in as_bytes(picture.cpu())]
    pixels = processor(files, return_tensors="pt").pixel_values.to(device_of(checker), checker.dtype)
    found: list[float] = checker(pixels).tolist()
    return found


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
