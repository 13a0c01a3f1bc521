"""Stages that need no model: pictures, masks and latents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sd_nodes.imaging.canny import canny
from sd_nodes.imaging.inpainting import greyed, grown, to_multiples
from sd_nodes.imaging.masking import scaled

Latent = dict[str, Any]


def loaded(path: Path) -> tuple[Tensor, Tensor]:
    """Returns a picture, and a mask that is 1 where it is transparent."""
    with Image.open(path) as picture:
        pixels = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32) / 255)[None]
        if "A" not in picture.getbands():
            return pixels, torch.zeros(1, 64, 64)
        alpha = np.array(picture.getchannel("A"), dtype=np.float32) / 255
    return pixels, (1 - torch.from_numpy(alpha))[None]


def inpainted(pixels: Tensor, mask: Tensor, grow: int) -> tuple[Tensor, Tensor]:
    """Greys out a picture under a mask; returns it, and the mask grown."""
    fitted = to_multiples(scaled(mask, *pixels.shape[1:3])[:, 0], 8)
    return greyed(to_multiples(pixels, 8), fitted), grown(fitted[:, None], grow)


def _noise_mask(samples: Latent, mask: Tensor) -> tuple[Latent]:
    return ({**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])},)


def _repeated(samples: Latent, amount: int) -> tuple[Latent]:
    return ({**samples, "samples": samples["samples"].repeat(amount, 1, 1, 1)},)


def _from_batch(samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
    kept = samples["samples"][batch_index : batch_index + length]
    return ({**samples, "samples": kept, "batch_index": list(range(batch_index, batch_index + len(kept)))},)


STAGES: dict[str, Callable[..., Any]] = {
    "SetLatentNoiseMask": _noise_mask,
    "Canny": lambda image, low_threshold, high_threshold: (
        canny(image, low_threshold, high_threshold)[..., None].expand(image.shape),
    ),
    "InvertMask": lambda mask: (1 - mask,),
    "RepeatLatentBatch": _repeated,
    "LatentFromBatch": _from_batch,
}
