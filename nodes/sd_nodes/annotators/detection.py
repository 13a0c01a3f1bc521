"""The size at which a detector sees a picture; its map gets the picture's own size again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import interpolate

from sd_nodes.resizing import resize
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from sd_nodes.images import Method


LONGEST = 4096
"""No picture is enlarged beyond this for a detector, in pixels of its longer side: slivers would become huge."""


def at_resolution(image: Image, resolution: int, detect: Callable[[Tensor], Tensor]) -> Tensor:
    """Let a detector see one picture at a resolution.

    Args:
        image: `[1, height, width, channel]`; an alpha channel is left out.
        resolution: The shorter side that the detector sees, in pixels; 0 is the picture's own. See `seen_size`.
        detect: Takes `[1, height, width, 3]` and gives `[1, height, width]`.

    Returns:
        `[1, height, width]` in the size of the picture, 0..1.
    """
    height, width = image.shape[1:3]
    picture = Image(image[..., :3].clamp(0, 1).float())
    tall, wide = seen_size(height, width, resolution)
    if (tall, wide) == (height, width):
        return detect(picture)
    method: Method = "area" if tall < height else "bicubic"
    found = detect(resize(picture, wide, tall, method).clamp(0, 1))
    return interpolate(found[:, None], (height, width), mode="bilinear", antialias=tall > height)[:, 0].clamp(0, 1)


def seen_size(height: int, width: int, resolution: int) -> tuple[int, int]:
    """Return the size, `(height, width)`, at which a detector sees a picture; a resolution of 0 means its own."""
    side = resolution or min(height, width)
    if side > min(height, width):
        side = max(min(height, width), min(side, LONGEST * min(height, width) // max(height, width)))
    return detection_size(height, width, side)


def detection_size(height: int, width: int, resolution: int, multiple: int = 1) -> tuple[int, int]:
    """Return a size, `(height, width)`, whose shorter side is a resolution, both sides rounded to a multiple."""
    factor = resolution / min(height, width)
    return rounded(height * factor, multiple), rounded(width * factor, multiple)


def rounded(side: float, multiple: int) -> int:
    """Round a side to a multiple of at least one."""
    return max(1, round(side / multiple)) * multiple
