"""What SDXL is told beside the prompt's tokens: the prompt as one vector, and sizes (arXiv:2307.01952, section 2.2)."""

from collections.abc import Sequence

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError

SIZES = 6
"""How many numbers SDXL is told: height, width, top, left, target height, target width."""


def wants_sizes(unet: UNet2DConditionModel) -> bool:
    """Tells whether a UNet is told a pooled vector and sizes."""
    return bool(unet.config.addition_embed_type == "text_time")


def added(unet: UNet2DConditionModel, pooled: Tensor | None, sizes: Sequence[float], score: float) -> dict[str, Tensor]:
    """Returns what a UNet is told beside the tokens, by diffusers' names; nothing for one that is told nothing.

    Args:
        unet: The model.
        pooled: [1, width], what the prompt says as a whole.
        sizes: Height, width, top, left, target height, target width, in pixels.
        score: How beautiful the picture is to be, which the refiner is told instead of the target.

    Raises:
        SettingError: There is no pooled vector, or it has another width.
    """
    if not wants_sizes(unet):
        return {}
    each, whole = unet.config.addition_time_embed_dim, unet.config.projection_class_embeddings_input_dim
    widths = {whole - SIZES * each: [*sizes], whole - (SIZES - 1) * each: [*sizes[:4], score]}
    if pooled is None or pooled.shape[1] not in widths:
        found = "none" if pooled is None else f"one of width {pooled.shape[1]}"
        needed = " or ".join(map(str, widths))
        raise SettingError(
            f"This model needs prompts with a pooled vector of width {needed}, found is {found}: "
            "they were encoded with another base model's text encoders."
        )
    return {"text_embeds": pooled, "time_ids": torch.tensor([widths[pooled.shape[1]]])}
