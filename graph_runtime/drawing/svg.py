"""Writes a drawing as SVG 1.1."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .scene import Curve, Dot, Label, Panel, Point, Scene, Shape

_FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_ANCHORS = {"start": "", "middle": ' text-anchor="middle"', "end": ' text-anchor="end"'}


def svg(scene: Scene) -> bytes:
    """Write a scene as an SVG document in UTF-8."""
    return "\n".join(_lines(scene)).encode()


def _lines(scene: Scene) -> Iterator[str]:
    width, height = _n(scene.width), _n(scene.height)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    yield f'<rect width="{width}" height="{height}" fill="{scene.background}"/>'
    yield f'<g font-family="{_FONT}" font-size="12" fill="none">'
    yield from map(_shape, scene.shapes)
    yield "</g></svg>\n"


def _shape(shape: Shape) -> str:
    match shape:
        case Panel():
            return _panel(shape)
        case Dot(x, y, radius, fill, outline):
            return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}" stroke="{outline}"/>'
        case Curve():
            return _curve(shape)
        case Label(x, y, text, colour, size, anchor):
            sized = "" if size == 12 else f' font-size="{_n(size)}"'
            place = f'x="{_n(x)}" y="{_n(y + size * 0.35)}"'
            return f'<text {place} fill="{colour}"{sized}{_ANCHORS[anchor]}>{escape(text, quote=False)}</text>'


def _panel(panel: Panel) -> str:
    paint = f' fill="{panel.fill}"' if panel.fill else ""
    if panel.outline:
        paint += f' stroke="{panel.outline}" stroke-width="{_n(panel.thickness)}"'
    x, y, width, height, r = panel.x, panel.y, panel.width, panel.height, panel.radius
    if panel.square:
        path = f"M{_n(x)} {_n(y + height)}v{_n(r - height)}a{_n(r)} {_n(r)} 0 0 1 {_n(r)} {_n(-r)}h{_n(width - 2 * r)}"
        return f'<path d="{path}a{_n(r)} {_n(r)} 0 0 1 {_n(r)} {_n(r)}v{_n(height - r)}z"{paint}/>'
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(r)}"{paint}/>'


def _curve(curve: Curve) -> str:
    path = "M" + _points(curve.points[0])
    path += "".join(f"C{_points(*piece[1:])}" for piece in curve.pieces())
    return f'<path d="{path}" stroke="{curve.colour}" stroke-width="{_n(curve.thickness)}"/>'


def _points(*points: Point) -> str:
    return " ".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """Write a length, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
