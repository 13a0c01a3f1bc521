"""Decodes and encodes pictures with Pillow: any mode, depth, orientation or number of frames becomes floats in 0..1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageOps, ImageSequence, PngImagePlugin

from graph_runtime import NodeError
from sd_nodes.arrays import image_of
from sd_nodes.picture_headers import frames, opened
from sd_nodes.types import Image, Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of grey pictures with 16 bits."""


def decode(path: Path) -> tuple[Image, Mask]:
    """Read a picture: upright, in colour, one item of the batch for each frame.

    Returns:
        The picture, and its mask: 1 where it is transparent; a mask of 64 x 64 zeros where it is opaque.

    Raises:
        NodeError: It is no picture, is damaged, or too large.
    """
    with opened(path) as picture:
        try:
            upright = [ImageOps.exif_transpose(frame) for frame in _each(picture)]
        except Exception as error:  # decoders raise what they like on damaged data
            raise NodeError(f"{path} is damaged or cut short: {error}.", input="image") from error
    same = [frame for frame in upright if frame.size == upright[0].size]
    colours = image_of(np.stack([_colours(frame) for frame in same]))
    if not any(frame.has_transparency_data for frame in same):
        return colours, Mask(torch.zeros(1, 64, 64))
    alphas = np.stack([np.asarray(frame.convert("RGBA").getchannel("A"), np.float32) / 255 for frame in same])
    return colours, Mask(torch.from_numpy(1 - alphas))


def decode_channel(path: Path, channel: Literal["alpha", "red", "green", "blue"]) -> Mask:
    """Read one channel of a picture, of an animation's first frame.

    Returns:
        `[1, height, width]`: the colour as it is; of the alpha channel, 1 where the picture is transparent.

    Raises:
        NodeError: It is no picture, is damaged, or too large.
    """
    with opened(path) as picture:
        try:
            upright = ImageOps.exif_transpose(picture)
        except Exception as error:  # decoders raise what they like on damaged data
            raise NodeError(f"{path} is damaged or cut short: {error}.", input="image") from error
    if channel != "alpha":
        return Mask(torch.from_numpy(_colours(upright)[None, ..., ("red", "green", "blue").index(channel)].copy()))
    opacity = np.asarray(upright.convert("RGBA").getchannel("A"), np.float32) / np.float32(255)
    return Mask(torch.from_numpy(1 - opacity)[None])


def png_writer(picture: NDArray[np.float32], texts: Mapping[str, str], level: int) -> Callable[[Path], None]:
    """Return what writes one picture as PNG.

    Args:
        picture: `[height, width, channel]`, 0..1; made 8 bits by cutting off, not by rounding.
        texts: Texts that go into the file, by keyword.
        level: How hard it is compressed, 0 to 9.
    """
    cut = np.clip(255.0 * picture, 0, 255).astype(np.uint8)
    information = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        information.add_text(keyword, text)

    def write(path: Path) -> None:
        pixels = cut[..., 0] if cut.shape[-1] == 1 else cut
        Pillow.fromarray(pixels).save(path, format="PNG", pnginfo=information, compress_level=level)

    return write


def _each(picture: Pillow.Image) -> list[Pillow.Image]:
    if frames(picture) == 1:
        picture.load()
        return [picture]
    return [frame.copy() for frame in ImageSequence.Iterator(picture)]


def _colours(frame: Pillow.Image) -> NDArray[np.float32]:
    """`[height, width, 3]`, 0..1."""
    if frame.mode in DEEP:
        grey = np.clip(np.asarray(frame).astype(np.float32) / 65535, 0, 1)
        return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    return np.asarray(frame.convert("RGB"), np.float32) / np.float32(255)
