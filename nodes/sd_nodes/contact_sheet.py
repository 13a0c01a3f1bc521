"""Draws a sheet of pictures with labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from sd_nodes.arrays import bytes_of, image_of
from sd_nodes.types import Image

if TYPE_CHECKING:
    import torch

PAPER = (250, 249, 247)
INK = (38, 38, 42)
ELLIPSIS = "…"


@dataclass(frozen=True)
class Cell:
    """A picture `[height, width, channel]` and the line below it."""

    picture: torch.Tensor
    label: str


@dataclass(frozen=True)
class Measures:
    """Lengths in pixels, all in proportion to the height of the pictures."""

    gap: int
    letters: int
    heading: int

    @classmethod
    def of(cls, height: int) -> Measures:
        """Choose lengths that look well beside pictures of this height."""
        return cls(gap=max(6, height // 16), letters=max(11, height // 15), heading=max(14, height // 10))


def sheet(cells: list[Cell], title: str, columns: int, height: int) -> Image:
    """Draw pictures in rows on one sheet; each column is as wide as its widest picture.

    Args:
        cells: The pictures with their labels, in reading order.
        title: A line above them all, or "".
        columns: How many stand in a row; 0 chooses.
        height: The height that each picture is scaled to.

    Returns:
        One picture.
    """
    measures = Measures.of(height)
    pictures = [_scaled(cell.picture, height) for cell in cells]
    columns = min(columns or columns_for(len(cells)), len(cells))
    rows = [range(start, min(start + columns, len(cells))) for start in range(0, len(cells), columns)]
    widths = [max(picture.width for picture in pictures[column::columns]) for column in range(columns)]
    lefts = [measures.gap + sum(widths[:column]) + column * measures.gap for column in range(columns)]
    label_height = round(measures.letters * 1.9) if any(cell.label for cell in cells) else 0
    top = measures.gap + (round(measures.heading * 1.7) if title else 0)
    step = height + label_height + measures.gap
    middle = height + label_height / 2
    size = (lefts[-1] + widths[-1] + measures.gap, top + len(rows) * step)
    canvas = Pillow.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(canvas)
    if title:
        _write(pen, title, (size[0] / 2, (top + measures.gap * 0.4) / 2), measures.heading, size[0] - 2 * measures.gap)
    for row, places in enumerate(rows):
        for column, place in enumerate(places):
            left, width, upper = lefts[column], widths[column], top + row * step
            canvas.paste(pictures[place], (left + (width - pictures[place].width) // 2, upper))
            _write(pen, cells[place].label, (left + width / 2, upper + middle), measures.letters, width)
    return image_of(np.asarray(canvas)[None])


def columns_for(count: int) -> int:
    """Choose how many pictures stand in a row: one row of up to four, else a sheet a little wider than high."""
    if count <= 4:
        return count
    least = math.ceil(math.sqrt(count))
    return min(range(least, least + 3), key=lambda columns: (-count % columns, columns))


def _scaled(picture: torch.Tensor, height: int) -> Pillow.Image:
    made = Pillow.fromarray(bytes_of(Image(picture[None]))[0])
    width = max(1, round(made.width * height / made.height))
    return made.resize((width, height), Pillow.Resampling.LANCZOS)


def _write(pen: ImageDraw.ImageDraw, text: str, centre: tuple[float, float], size: int, width: float) -> None:
    """Write a line around a point, in smaller letters or cut short where it is too long."""
    for points in range(size, max(8, size * 2 // 3) - 1, -1):
        font = ImageFont.load_default(points)
        if pen.textlength(text, font) <= width:
            break
    while text and pen.textlength(text, font) > width:
        text = text.removesuffix(ELLIPSIS)[:-1].rstrip() + ELLIPSIS if len(text) > 2 else ""
    pen.text(centre, text, INK, font, anchor="mm")
