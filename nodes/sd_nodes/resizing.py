"""Pictures in other sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Pillow
from torch.nn.functional import interpolate

from graph_runtime import NodeError
from sd_nodes.arrays import image_of
from sd_nodes.types import Image

if TYPE_CHECKING:
    from sd_nodes.images import Method


LARGEST = 16384 * 16384
"""How many pixels a picture may be scaled to."""


def resize(image: Image, width: int, height: int, method: Method, crop: bool = False) -> Image:
    """Scale pictures.

    Args:
        image: `[batch, height, width, channel]`.
        width: The new width in pixels.
        height: The new height in pixels.
        method: `lanczos` works in 8 bits a channel, the others on floating-point numbers and without smoothing first.
        crop: Whether the sides keep their proportion: what is over is cut off on both sides alike.

    Raises:
        NodeError: The pictures would become too large.
    """
    if width * height > LARGEST:
        raise NodeError(f"the picture would become {width} x {height}; at most {LARGEST:,} pixels are made.")
    source = centred(image, width / height) if crop else image
    if method == "lanczos":
        return _lanczos(source, width, height)
    channels_first = source.movedim(-1, 1)
    return Image(interpolate(channels_first, (height, width), mode=method).movedim(1, -1).contiguous())


def resize_around_holes(image: Image, width: int, height: int) -> Image:
    """Scale pictures with holes, pixels of -1, that others are not to mix with; sides keep their proportion.

    Args:
        image: `[batch, height, width, channel]`, 0..1, or -1 in all channels where a hole is.
        width: The new width in pixels.
        height: The new height in pixels.

    Returns:
        Pictures in which a pixel is a hole where at least half of it lies in holes, else the mean of what lies around.
    """
    source = centred(image, width / height).movedim(-1, 1)
    known = (source[:, :1] >= 0).to(source)
    smaller = height < source.shape[2] or width < source.shape[3]
    sized = interpolate(torch.cat([source * known, known], dim=1), (height, width), mode="bilinear", antialias=smaller)
    share = sized[:, -1:]
    filled = torch.where(share > 0.5, sized[:, :-1] / share.clamp(min=0.5), -1.0)
    return Image(filled.movedim(1, -1).contiguous())


def centred(image: Image, proportion: float) -> Image:
    """Cut pictures from their middle to a proportion of width to height."""
    height, width = image.shape[1:3]
    across = down = 0
    if width / height > proportion:
        across = round((width - width * (proportion / (width / height))) / 2)
    elif width / height < proportion:
        down = round((height - height * ((width / height) / proportion)) / 2)
    return Image(image[:, down : height - down, across : width - across])


def _lanczos(image: Image, width: int, height: int) -> Image:
    """Scale with Pillow's Lanczos filter, which smooths before it makes a picture smaller."""
    frames = (255.0 * image).clamp(0, 255).to(torch.uint8).cpu().numpy()
    size = (width, height)
    return image_of(np.stack([np.asarray(Pillow.fromarray(f).resize(size, Pillow.Resampling.LANCZOS)) for f in frames]))
