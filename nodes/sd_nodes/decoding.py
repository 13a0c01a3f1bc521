"""Decodes and encodes pictures with Pillow: any mode, depth, orientation or number of frames becomes floats in 0..1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageOps, ImageSequence, PngImagePlugin

from graph_runtime import NodeError
from sd_nodes.arrays import image_of
from sd_nodes.picture_headers import frames, opened, quiet
from sd_nodes.types import Image, Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

WHITES = {"I": 65535, "I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I;16N": 65535, "F": 1.0}
"""Pillow's modes of grey pictures with more than 8 bits, and the value that is white."""


def decode(path: Path) -> tuple[Image, Mask]:
    """Read a picture: upright, in colour, one item of the batch for each frame.

    Returns:
        The picture, and its mask: 1 where it is transparent; a mask of 64 x 64 zeros where it is opaque.

    Raises:
        NodeError: It is no picture, is damaged, or too large.
    """
    upright = _upright(path, _each)
    same = [frame for frame in upright if frame.size == upright[0].size]
    colours = image_of(np.stack([_colours(frame, path) for frame in same]))
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
    (upright,) = _upright(path, lambda picture: [picture])
    if channel != "alpha":
        place = ("red", "green", "blue").index(channel)
        return Mask(torch.from_numpy(_colours(upright, path)[None, ..., place].copy()))
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


def _upright(path: Path, frames_of: Callable[[Pillow.Image], list[Pillow.Image]]) -> list[Pillow.Image]:
    """Decode frames and turn them as a camera's note says that they were held."""
    with opened(path) as picture, quiet():
        try:
            return [ImageOps.exif_transpose(frame) for frame in frames_of(picture)]
        except Exception as error:  # decoders raise what they like on damaged data
            raise NodeError(f"{path} is damaged or cut short: {error}.", input="image") from error


def _each(picture: Pillow.Image) -> list[Pillow.Image]:
    if frames(picture) == 1:
        picture.load()
        return [picture]
    return [frame.copy() for frame in ImageSequence.Iterator(picture)]


def _colours(frame: Pillow.Image, path: Path) -> NDArray[np.float32]:
    """`[height, width, 3]`, 0..1.

    Raises:
        NodeError: Its values are of a kind that does not say which of them is white.
    """
    if frame.mode in WHITES:
        grey = _grey(np.asarray(frame), WHITES[frame.mode], path)
        return np.repeat(grey[..., None], 3, axis=2)
    # By way of RGBA, since a palette whose colours are more or less transparent has no other way that loses nothing.
    known = frame.convert("RGBA") if frame.has_transparency_data else frame
    return np.asarray(known.convert("RGB"), np.float32) / np.float32(255)


def _grey(values: NDArray[np.generic], white: float, path: Path) -> NDArray[np.float32]:
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= white:  # no comparison holds for what is not a number
        found = f"values from {low:g} to {high:g}" if np.isfinite([low, high]).all() else "values that are no numbers"
        message = f"{path} holds {found}, and nothing says which is white: save it with values from 0 to {white:g}."
        raise NodeError(message, input="image")
    return (values.astype(np.float32) / np.float32(white)).astype(np.float32)
