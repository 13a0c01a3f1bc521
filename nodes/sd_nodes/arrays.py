"""Pictures between the graph's tensors and the 8-bit arrays that OpenCV and Pillow work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sd_nodes.types import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def bytes_of(image: Image) -> NDArray[np.uint8]:
    """Round pictures to 8 bits a channel: `[batch, height, width, 3]`; an alpha channel is left out."""
    return (image[..., :3].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def image_of(pixels: NDArray[np.generic]) -> Image:
    """Make pictures of arrays.

    Args:
        pixels: `[batch, height, width, 3]`, or grey `[batch, height, width]`; whole numbers span their type's range
            (0..255, 0..65535), floating-point numbers 0..1.
    """
    scale = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1  # type: ignore[type-var]
    floats = np.asarray(pixels, np.float32) / np.float32(scale)
    coloured = floats if floats.ndim == 4 else np.repeat(floats[..., None], 3, axis=3)
    return Image(torch.from_numpy(np.ascontiguousarray(coloured)))
