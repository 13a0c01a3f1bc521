"""Sheets: many small pictures in one, to look at."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor


def sheet(rows: list[Tensor], gap: int = 2) -> Image.Image:
    """Lays rows of pictures out as one picture.

    Args:
        rows: Each `[count, 3, height, width]`, values 0..1, all pictures of one size.
        gap: White pixels between pictures.
    """
    height, width = rows[0].shape[-2:]
    columns = max(len(row) for row in rows)
    canvas = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        pixels = (row.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
        for x, picture in enumerate(pixels):
            top, left = y * (height + gap), x * (width + gap)
            canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas)
