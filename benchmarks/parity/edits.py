"""Stages that need no model: pictures, masks and latents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Latent = dict[str, Any]


def loaded(path: Path) -> tuple[Tensor, Tensor]:
    """Returns a picture, and a mask that is 1 where it is transparent."""
    with Image.open(path) as picture:
        pixels = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32) / 255)[None]
        if "A" not in picture.getbands():
            return pixels, torch.zeros(1, 64, 64)
        alpha = np.array(picture.getchannel("A"), dtype=np.float32) / 255
    return pixels, (1 - torch.from_numpy(alpha))[None]


def to_eights(pixels: Tensor) -> Tensor:
    """Crops a picture around its centre to sides that are multiples of eight."""
    height, width = pixels.shape[1:3]
    top, left = (height % 8) // 2, (width % 8) // 2
    return pixels[:, top : top + height // 8 * 8, left : left + width // 8 * 8]


def inpainted(pixels: Tensor, mask: Tensor, grow: int) -> tuple[Tensor, Tensor]:
    """Greys out a picture under a mask; returns it, and the mask grown."""
    fitted = torch.nn.functional.interpolate(mask[:, None], pixels.shape[1:3], mode="bilinear")
    pixels, fitted = to_eights(pixels), to_eights(fitted.movedim(1, -1)).movedim(-1, 1)
    grown = fitted
    if grow:
        padding = -((1 - grow) // 2)
        sums = torch.nn.functional.conv2d(fitted.round(), torch.ones(1, 1, grow, grow), padding=padding)
        grown = sums.clamp(0, 1)
    keep = (1 - fitted.round())[:, 0, ..., None]
    return (pixels - 0.5) * keep + 0.5, grown[:, :, : pixels.shape[1], : pixels.shape[2]].round()


def _noise_mask(samples: Latent, mask: Tensor) -> tuple[Latent]:
    return ({**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])},)


def _repeated(samples: Latent, amount: int) -> tuple[Latent]:
    return ({**samples, "samples": samples["samples"].repeat(amount, 1, 1, 1)},)


def _from_batch(samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
    kept = samples["samples"][batch_index : batch_index + length]
    return ({**samples, "samples": kept, "batch_index": list(range(batch_index, batch_index + len(kept)))},)


STAGES: dict[str, Callable[..., Any]] = {
    "SetLatentNoiseMask": _noise_mask,
    "InvertMask": lambda mask: (1 - mask,),
    "RepeatLatentBatch": _repeated,
    "LatentFromBatch": _from_batch,
}
