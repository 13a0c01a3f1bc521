"""Draws one sheet of all workflows: parts with headings, rows of equal width, each picture whole under its title."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image as Pillow
from PIL import ImageChops, ImageDraw, ImageFont

from pictures.runs import Shown
from sd_nodes.contact_sheet import INK, PAPER

WIDTH, HEIGHT = 2400, 400
"""The width of the sheet, and the height that rows of pictures come near to."""

GAP, MARGIN = 36, 60
HEADING, PART, TITLE, REMARK = 54, 38, 26, 21
LINE = 1.35
QUIET = (128, 126, 124)
WIDEST = 4.5
"""How many times as wide as high a picture counts at most in a row."""


@dataclass(frozen=True)
class Placed:
    """A picture on the sheet: its left upper corner and its size."""

    shown: Shown
    left: int
    top: int
    width: int
    height: int


def sheet(parts: Mapping[str, Sequence[Shown]], heading: str) -> Pillow.Image:
    """Draw workflows on one sheet.

    Args:
        parts: The workflows under each heading; the widest come first, so that a row holds pictures of like shape.
        heading: The heading of the sheet.
    """
    top = MARGIN + 2 * HEADING
    placed: list[Placed] = []
    headings: list[tuple[str, int]] = []
    for name, shown in parts.items():
        entries = sorted((replace(each, picture=trimmed(each.picture)) for each in shown), key=_proportion)[::-1]
        headings.append((name, top))
        added, top = _placed(entries, top + round(LINE * PART) + GAP // 2)
        placed += added
    canvas = Pillow.new("RGB", (WIDTH, top - 2 * GAP + MARGIN), PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((WIDTH / 2, MARGIN + HEADING / 2), heading, INK, ImageFont.load_default(HEADING), anchor="mm")
    for name, upper in headings:
        pen.text((MARGIN, upper), name, INK, ImageFont.load_default(PART))
    for each in placed:
        _draw(canvas, pen, each)
    return canvas


def _placed(entries: Sequence[Shown], top: int) -> tuple[list[Placed], int]:
    """Place pictures in rows from some height on; where they are, and where the next thing begins."""
    placed: list[Placed] = []
    for row in rows([_proportion(entry) for entry in entries], WIDTH - 2 * MARGIN):
        height, left = _height(row, entries), MARGIN
        widths = [round(height * _proportion(entries[place])) for place in row]
        top += max(_written(entries[place], width) for place, width in zip(row, widths, strict=True))
        for place, width in zip(row, widths, strict=True):
            placed.append(Placed(entries[place], left, top, width, height))
            left += width + GAP
        top += height + 2 * GAP
    return placed, top


def trimmed(picture: Pillow.Image) -> Pillow.Image:
    """Cut off a border in the colour of the sheet, so that pictures that have one stand in line with the others."""
    border = ImageChops.difference(picture, Pillow.new("RGB", picture.size, PAPER)).getbbox()
    return picture.crop(border) if border else picture


def rows(proportions: Sequence[float], width: float) -> list[list[int]]:
    """Part pictures into rows whose heights come nearest to the wanted one (as lines of a paragraph are broken).

    Args:
        proportions: Width by height of each picture.
        width: The width of a row in pixels.

    Returns:
        The places of the pictures in each row.
    """
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(proportions) + 1):
        best.append(min((best[start][0] + _cost(proportions[start:end], width), start) for start in range(end)))
    found: list[list[int]] = []
    end = len(proportions)
    while end:
        start = best[end][1]
        found.insert(0, list(range(start, end)))
        end = start
    return found


def _cost(proportions: Sequence[float], width: float) -> float:
    height = (width - GAP * (len(proportions) - 1)) / sum(proportions)
    return math.log(height / HEIGHT) ** 2 if height > 0 else math.inf


def _height(row: Sequence[int], entries: Sequence[Shown]) -> int:
    """The height at which a row fills the sheet's width; a last row of few pictures stays as low as the others."""
    full = WIDTH - 2 * MARGIN - GAP * (len(row) - 1)
    return round(min(full / sum(_proportion(entries[place]) for place in row), 1.6 * HEIGHT))


def _proportion(entry: Shown) -> float:
    return min(entry.picture.width / entry.picture.height, WIDEST)


def _draw(canvas: Pillow.Image, pen: ImageDraw.ImageDraw, placed: Placed) -> None:
    factor = min(placed.width / placed.shown.picture.width, placed.height / placed.shown.picture.height)
    size = (round(placed.shown.picture.width * factor), round(placed.shown.picture.height * factor))
    made = placed.shown.picture.resize(size, Pillow.Resampling.LANCZOS)
    canvas.paste(made, (placed.left, placed.top + (placed.height - size[1]) // 2))
    top: float = placed.top - _written(placed.shown, placed.width)
    for text, letters, colour in _lines(placed.shown, placed.width):
        pen.text((placed.left, top), text, colour, ImageFont.load_default(letters))
        top += LINE * letters


def _written(shown: Shown, width: int) -> int:
    """How high the words above a picture are."""
    return round(sum(LINE * letters for _, letters, _ in _lines(shown, width)) + TITLE / 3)


def _lines(shown: Shown, width: int) -> list[tuple[str, int, tuple[int, int, int]]]:
    """The words above a picture, line by line: the text, how large it is, its colour."""
    lines = [(line, TITLE, INK) for line in wrapped(shown.title, TITLE, width)]
    return lines + [(line, REMARK, QUIET) for line in wrapped(shown.remark, REMARK, width)]


def wrapped(text: str, letters: int, width: int) -> list[str]:
    """Break a text into lines of a width in pixels; a word that is wider stands alone."""
    font = ImageFont.load_default(letters)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
