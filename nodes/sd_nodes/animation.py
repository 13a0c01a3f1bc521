"""Batches of pictures saved as one animated file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import EditorDocument, Folders, Prompt, Range, Shown, ShownFile, node
from sd_nodes.images import NO_DOCUMENT, NO_PROMPT
from sd_nodes.picture_files import chunks_of, filled, save_numbered
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rate = Annotated[float, Range(0.01, 1000.0, 0.01)]
EFFORTS = {"default": 4, "fastest": 0, "slowest": 6}
"""How hard WebP tries to make a file small."""


@node("Save Animated WEBP", category="image/animation", id="SaveAnimatedWEBP", resource="io")
def save_animated_webp(
    images: Image,
    filename_prefix: str = "ComfyUI",
    fps: Rate = 6.0,
    lossless: bool = True,
    quality: Annotated[int, Range(0, 100)] = 80,
    method: Literal["default", "fastest", "slowest"] = "default",
    *,
    folders: Folders,
    prompt: Prompt = NO_PROMPT,
    document: EditorDocument = NO_DOCUMENT,
) -> Shown[None]:
    """Save pictures as one animated WebP file in the output folder; it carries the workflow that made it.

    Args:
        images: The pictures, one for each frame.
        filename_prefix: What the name begins with, as in Save Image.
        fps: Frames a second.
        lossless: Whether every pixel stays as it is.
        quality: How good a lossy file is, 0..100; how small a lossless one is made.
        method: How much time is spent on making it small.
    """
    from sd_nodes.encoding import webp_writer

    write = webp_writer(images, _milliseconds(fps), chunks_of(prompt, document), lossless, quality, EFFORTS[method])
    return _saved(write, images, folders, filename_prefix, "webp")


@node("Save Animated PNG", category="image/animation", id="SaveAnimatedPNG", resource="io")
def save_animated_png(
    images: Image,
    filename_prefix: str = "ComfyUI",
    fps: Rate = 6.0,
    compress_level: Annotated[int, Range(0, 9)] = 4,
    *,
    folders: Folders,
    prompt: Prompt = NO_PROMPT,
    document: EditorDocument = NO_DOCUMENT,
) -> Shown[None]:
    """Save pictures as one animated PNG file in the output folder; it carries the workflow that made it.

    Args:
        images: The pictures, one for each frame.
        filename_prefix: What the name begins with, as in Save Image.
        fps: Frames a second.
        compress_level: How hard it is compressed, 0 to 9.
    """
    from sd_nodes.encoding import apng_writer

    write = apng_writer(images, _milliseconds(fps), chunks_of(prompt, document), compress_level)
    return _saved(write, images, folders, filename_prefix, "png")


def _milliseconds(fps: float) -> int:
    return int(1000.0 / fps)


def _saved(write: Callable[[Path], None], images: Image, folders: Folders, prefix: str, kind: str) -> Shown[None]:
    height, width = images.shape[1:3]
    name = filled(prefix, width, height, datetime.now())
    paths = save_numbered([write], folders.output, name, f".{kind}")
    files = tuple(ShownFile(path, "output", f"image/{kind}") for path in paths)
    return Shown(files, extra={"animated": [len(images) != 1]})
