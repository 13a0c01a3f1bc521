"""The curve of a training's loss, drawn beside its log: every step faintly, their moving average plainly."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FINER = 960, 540, 3
LEFT, TOP, RIGHT, BOTTOM = 74, 52, 36, 56
PAPER, INK, GRID, FAINT, LINE = (255, 255, 255), (48, 52, 60), (228, 230, 235), (190, 208, 238), (32, 92, 200)
MOST_POINTS, SMOOTHED_SHARE, SHOWN_SHARE = 6000, 50, 0.99


@dataclass(frozen=True)
class Axis:
    """A range of values and the pixels that it is drawn on."""

    low: float
    high: float
    first: float
    last: float

    def at(self, values: Floats | float) -> Floats:
        """Gives the pixels of values; those beyond the range are drawn at its end."""
        share = (np.clip(np.asarray(values, np.float64), self.low, self.high) - self.low) / (self.high - self.low)
        return np.asarray(self.first + share * (self.last - self.first))


def read_log(path: Path) -> tuple[Floats, Floats]:
    """Reads steps and losses from a log, one JSON object a line; of a step that was repeated the last counts."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    losses = {row["step"]: row["loss"] for row in rows}
    steps = sorted(losses)
    return np.array(steps, np.float64), np.array([losses[step] for step in steps], np.float64)


def round_ticks(low: float, high: float, least: float = 0.0, about: int = 6) -> list[float]:
    """Chooses 1, 2, 2.5 or 5 times a power of ten as the distance of ticks, and gives those inside the range."""
    rough = max(least, (high - low) / about)
    power = 10.0 ** math.floor(math.log10(rough))
    distance = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / distance - 1e-9), math.floor(high / distance + 1e-9)
    return [number * distance for number in range(first, last + 1)]


def smoothed(losses: Floats) -> Floats:
    """Averages each loss with its neighbours: a twenty-fifth of the steps, at both ends half of that."""
    reach = len(losses) // SMOOTHED_SHARE
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    places = np.arange(len(losses))
    begin, end = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(losses))
    return np.asarray((sums[end] - sums[begin]) / (end - begin))


def loss_plot(steps: Sequence[float] | Floats, losses: Sequence[float] | Floats, title: str) -> Image.Image:
    """Draws losses over steps, 960 x 540 pixels.

    Args:
        steps: Rising step numbers; at least one.
        losses: One for each step; what is no finite number is left out.
        title: Stands above.

    Raises:
        ValueError: If no loss is a finite number.
    """
    found, wanted = np.asarray(losses, np.float64), np.asarray(steps, np.float64)
    kept = np.isfinite(found)
    if not kept.any():
        raise ValueError("there is no finite loss to draw")
    found, wanted = found[kept], wanted[kept]
    curve = smoothed(found)
    low = min(float(np.quantile(found, 1 - SHOWN_SHARE)), float(curve.min()))
    high = max(float(np.quantile(found, SHOWN_SHARE)), float(curve.max()))
    spare = 0.06 * (high - low) or abs(high) or 1.0
    across = Axis(0.0, max(float(wanted[-1]), 1.0), LEFT * FINER, (WIDTH - RIGHT) * FINER)
    floor = 0.0 if 0 <= low < 0.4 * high else low - spare
    up = Axis(floor, high + spare, (HEIGHT - BOTTOM) * FINER, TOP * FINER)
    picture = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), PAPER)
    pen = ImageDraw.Draw(picture)
    _axes(pen, across, up)
    _curve(pen, across.at(wanted), up.at(found), FAINT, 1)
    _curve(pen, across.at(wanted), up.at(curve), LINE, 3)
    _words(pen, title, f"{_short(curve[-1])} at step {int(wanted[-1]):,}")
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def write_loss_plot(folder: Path) -> None:
    """Draws `losses.jsonl` of a folder into its `losses.png`, if there is a finite loss in it."""
    steps, losses = read_log(folder / "losses.jsonl")
    if np.isfinite(losses).any():
        loss_plot(steps, losses, f"Loss of {folder.name}").save(folder / "losses.png")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * FINER)


def _axes(pen: ImageDraw.ImageDraw, across: Axis, up: Axis) -> None:
    left, right, floor, ceiling = across.first, across.last, up.first, up.last
    for value in round_ticks(up.low, up.high):
        y = float(up.at(value))
        pen.line([(left, y), (right, y)], GRID, FINER)
        pen.text((left - 8 * FINER, y), _short(value), INK, _font(14), "rm")
    for value in round_ticks(across.low, across.high, least=1):
        x = float(across.at(value))
        pen.line([(x, ceiling), (x, floor)], GRID, FINER)
        pen.text((x, floor + 8 * FINER), f"{value:,.0f}", INK, _font(14), "mt")
    pen.line([(left, ceiling), (left, floor), (right, floor)], INK, FINER)


def _curve(pen: ImageDraw.ImageDraw, x: Floats, y: Floats, colour: tuple[int, int, int], width: int) -> None:
    every = max(1, len(x) // MOST_POINTS)
    points = list(zip(x[::every].tolist(), y[::every].tolist(), strict=True))
    if len(points) == 1:
        (px, py), reach = points[0], 2 * width * FINER
        pen.ellipse([px - reach, py - reach, px + reach, py + reach], colour)
    else:
        pen.line(points, colour, width * FINER, "curve")


def _words(pen: ImageDraw.ImageDraw, title: str, last: str) -> None:
    pen.text((LEFT * FINER, 32 * FINER), title, INK, _font(19), "ls")
    pen.text(((WIDTH - RIGHT) * FINER, 32 * FINER), f"smoothed: {last}", LINE, _font(15), "rs")
    pen.text((WIDTH / 2 * FINER, (HEIGHT - 10) * FINER), "steps", INK, _font(15), "mb")


def _short(value: float) -> str:
    return f"{value:.4g}"
