"""Pictures in few colours: a palette of the picture's own, with or without dithering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Dither = Literal["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"]


def quantize(image: Tensor, colors: int, dither: Dither) -> Tensor:
    """Draw pictures in few colours.

    Args:
        image: `[batch, height, width, 3]`, 0..1.
        colors: How many colours each picture gets, 1..256.
        dither: How tones between them are shown: not at all, by spreading the error, or by an ordered pattern.
    """
    frames = (image[..., :3].clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
    drawn = [_drawn(Pillow.fromarray(frame), colors, dither) for frame in frames]
    return torch.from_numpy(np.stack(drawn).astype(np.float32) / np.float32(255))


def bayer(order: int) -> NDArray[np.float32]:
    """Return the ordered dither pattern of `order` x `order`, a power of two: -0.5 to 0.5, 0 on average.

    Each quarter is the pattern of half the order, finer by four, and shifted so that the four interleave.
    """
    if order == 1:
        return np.zeros((1, 1), np.float32)
    size = order * order
    inner = size * bayer(order // 2)
    return (np.block([[inner - 1.5, inner + 0.5], [inner + 1.5, inner - 0.5]]) / size).astype(np.float32)


def _drawn(picture: Pillow.Image, colors: int, dither: Dither) -> NDArray[np.uint8]:
    # Pillow dithers a coloured picture only towards a palette that is given.
    palette = picture.quantize(colors)
    spread = Pillow.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Pillow.Dither.NONE
    if dither.startswith("bayer"):
        picture = _patterned(picture, int(dither.removeprefix("bayer-")), len(palette.getpalette() or ()) // 3)
    return np.asarray(picture.quantize(palette=palette, dither=spread).convert("RGB"))


def _patterned(picture: Pillow.Image, order: int, colors: int) -> Pillow.Image:
    """Lay the dither pattern over a picture, as strong as the palette is coarse."""
    pattern = 2 * 256 / max(colors, 1) * bayer(order) + 0.5
    rows, columns = (-(-side // order) for side in (picture.height, picture.width))
    laid = np.tile(pattern, (rows, columns))[: picture.height, : picture.width, None]
    return Pillow.fromarray(np.clip(np.asarray(picture, np.float32) + laid, 0, 255).astype(np.uint8))
