"""Paints a drawing as PNG with Pillow."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING

from .scene import Curve, Dot, Label, Panel, Scene

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

SHARPNESS = 2.0
READABLE = 0.6
"""Below this scale letters are too small to be read."""
_PIXELS = 60_000_000
_SIDE = 32_000
_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}
_SMALLEST_LETTERS = 4.0


def scale_of(scene: Scene) -> float:
    """How many pixels a unit of the scene gets: two, or less where the picture would become too large to open."""
    by_area = math.sqrt(_PIXELS / (scene.width * scene.height))
    return min(SHARPNESS, by_area, _SIDE / scene.width, _SIDE / scene.height)


def png(scene: Scene) -> bytes:
    """Paint a scene; shapes are painted twice as large and made smaller, which smooths their edges."""
    from PIL import Image, ImageDraw

    scale = scale_of(scene)
    size = max(1, round(scene.width * scale)), max(1, round(scene.height * scale))
    smooth = 2 if size[0] * size[1] * 4 <= 2 * _PIXELS else 1
    image = Image.new("RGB", (size[0] * smooth, size[1] * smooth), scene.background)
    brush = _Brush(ImageDraw.Draw(image), scale * smooth)
    for shape in scene.shapes:
        if not isinstance(shape, Label):
            brush.paint(shape)
    if smooth > 1:
        image = image.resize(size, Image.Resampling.BOX)
    _write_labels(ImageDraw.Draw(image), scene, scale)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class _Brush:
    """Paints shapes at a scale."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self.draw = draw
        self.scale = scale

    def paint(self, shape: Panel | Dot | Curve) -> None:
        """Paint one shape."""
        match shape:
            case Panel():
                self.panel(shape)
            case Dot():
                self.dot(shape)
            case Curve():
                self.curve(shape)

    def panel(self, panel: Panel) -> None:
        left, top, s = panel.x * self.scale, panel.y * self.scale, self.scale
        if panel.radius * s < 1 or min(panel.width, panel.height) * s < 4:
            corner = left + max(1.0, panel.width * s), top + max(1.0, panel.height * s)
            self.draw.rectangle((left, top, *corner), panel.fill or None, panel.outline or None)
            return
        self.draw.rounded_rectangle(
            (left, top, left + panel.width * s, top + panel.height * s),
            panel.radius * s,
            panel.fill or None,
            panel.outline or None,
            max(1, round(panel.thickness * s)),
            corners=(True, True, not panel.square, not panel.square),
        )

    def dot(self, dot: Dot) -> None:
        x, y, r = dot.x * self.scale, dot.y * self.scale, dot.radius * self.scale
        self.draw.ellipse((x - r, y - r, x + r, y + r), dot.fill, dot.outline, max(1, round(self.scale)))

    def curve(self, curve: Curve) -> None:
        """Paint the Bézier curves as short straight lines."""
        points = [curve.points[0]]
        for a, b, c, d in curve.pieces():
            count = max(1, min(60, int((abs(d[0] - a[0]) + abs(d[1] - a[1])) * self.scale / 12))) if a[1] != d[1] else 1
            for step in range(1, count + 1):
                t = step / count
                weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
                x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
                points.append((x, y))
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, curve.colour, max(1, round(curve.thickness * self.scale)), "curve")


def _write_labels(draw: ImageDraw.ImageDraw, scene: Scene, scale: float) -> None:
    for label in scene.shapes:
        if isinstance(label, Label) and label.size * scale >= _SMALLEST_LETTERS:
            place = label.x * scale, label.y * scale
            draw.text(place, label.text, label.colour, _font(label.size * scale), _ANCHORS[label.anchor])


@lru_cache(maxsize=8)
def _font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
