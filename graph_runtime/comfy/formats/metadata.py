"""The workflow in a picture: `prompt` in the API format, and `workflow`, the editor's own document."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import BinaryIO, Literal, TypeAlias

from . import exif, jpeg, png, webp
from .limits import PictureError

Format: TypeAlias = Literal["png", "webp", "jpeg"]

HEAD = 12
"""Bytes at the start of a file that tell what it is."""


def picture_format(head: bytes) -> Format | None:
    """Tell what kind of picture a file is by its first bytes; None where it is no picture of these kinds."""
    if head.startswith(png.SIGNATURE):
        return "png"
    if webp.is_webp(head):
        return "webp"
    return "jpeg" if head.startswith(jpeg.START) else None


def read_texts(file: BinaryIO, format: Format) -> dict[str, str]:
    """Read the texts that a picture carries; its pixels are never decoded.

    Args:
        file: The picture, at its start.
        format: What kind it is.

    Returns:
        The texts by name: "prompt" and "workflow" hold JSON.

    Raises:
        PictureError: The file is damaged, or its texts are larger than any workflow.
    """
    if format == "png":
        return png.read_texts(file)
    block = webp.read_exif(file) if format == "webp" else jpeg.read_exif(file)
    return exif.read_texts(block) if block else {}


def with_texts(picture: bytes, texts: Mapping[str, str]) -> bytes:
    """Put texts into a picture in the place of those that it has; its pixels stay as they are.

    Args:
        picture: A PNG, WebP or JPEG file.
        texts: The texts by name.

    Returns:
        The picture with the texts.

    Raises:
        PictureError: It is no such picture, it is damaged, or its format has no room for the texts.
    """
    format = picture_format(picture[:HEAD])
    if format is None:
        raise PictureError("it is no PNG, WebP or JPEG file.")
    if format == "png":
        return png.with_texts(picture, texts)
    block = exif.written({**read_texts(BytesIO(picture), format), **texts})
    return webp.with_exif(picture, block) if format == "webp" else jpeg.with_exif(picture, block)
