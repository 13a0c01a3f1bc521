"""Encodes batches of pictures as animations with Pillow; the texts of a workflow travel in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow
from PIL import PngImagePlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sd_nodes.types import Image

MODEL_TAG = 0x0110
"""The EXIF tag that holds the prompt, and below which further texts stand."""


def webp_writer(
    images: Image, duration: int, texts: Mapping[str, str], lossless: bool, quality: int, effort: int
) -> Callable[[Path], None]:
    """Return what writes pictures as one WebP file.

    Args:
        images: `[batch, height, width, channel]`, 0..1; made 8 bits by cutting off, not by rounding.
        duration: Milliseconds that each frame is shown.
        texts: Texts that go into its EXIF data as `name:text`.
        lossless: Whether every pixel stays as it is.
        quality: 0..100.
        effort: How hard it is compressed, 0 to 6.
    """
    first, *others = _frames(images)
    exif = Pillow.Exif()
    for place, (name, text) in enumerate(texts.items()):
        exif[MODEL_TAG - place] = f"{name}:{text}"

    def write(path: Path) -> None:
        first.save(
            path, format="WEBP", save_all=True, append_images=others, duration=duration, exif=exif, lossless=lossless,
            quality=quality, method=effort,
        )  # fmt: skip

    return write


def apng_writer(images: Image, duration: int, texts: Mapping[str, str], level: int) -> Callable[[Path], None]:
    """Return what writes pictures as one animated PNG file.

    Args:
        images: `[batch, height, width, channel]`, 0..1; made 8 bits by cutting off, not by rounding.
        duration: Milliseconds that each frame is shown.
        texts: Texts that go into the file, by keyword.
        level: How hard it is compressed, 0 to 9.
    """
    first, *others = _frames(images)
    information = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        information.add_text(keyword, text)

    def write(path: Path) -> None:
        first.save(
            path, format="PNG", save_all=True, append_images=others, duration=duration, pnginfo=information,
            compress_level=level,
        )  # fmt: skip

    return write


def _frames(images: Image) -> list[Pillow.Image]:
    cut = np.clip(255.0 * images.cpu().numpy(), 0, 255).astype(np.uint8)
    return [Pillow.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in cut]
