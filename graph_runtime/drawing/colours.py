"""The colours of a drawing: one for each type of socket, one for each category of nodes."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

BACKGROUND: Final = "#1d2026"
BODY: Final = "#2c3038"
EDGE: Final = "#14161a"
FIELD: Final = "#22252b"
TEXT: Final = "#e8eaed"
DIM: Final = "#9ba1ab"
FAINT: Final = "#6d737d"
FAULT: Final = "#ff5a5f"

_PLAIN = {
    "integer": "#8fa3b8",
    "number": "#8fa3b8",
    "text": "#9fb08c",
    "true or false": "#b39c8d",
    "choice": "#9fb08c",
    "anything": "#b5b5b5",
    "": "#b5b5b5",
}
_PALETTE = (
    "#64b5f6",  # blue
    "#ffb74d",  # orange
    "#81c784",  # green
    "#e57373",  # red
    "#ba8cff",  # violet
    "#ffd54f",  # yellow
    "#4dd0c0",  # teal
    "#f48fc0",  # pink
    "#c6d86a",  # lime
    "#8c9eff",  # indigo
    "#d7a27e",  # sand
    "#6fd3ef",  # cyan
)


def of_types(types: Iterable[str]) -> Mapping[str, str]:
    """Choose a colour for each type, in their order: a type keeps its colour when others come after it."""
    chosen: dict[str, str] = {}
    taken: set[int] = set()
    for name in dict.fromkeys(types):
        if name in _PLAIN:
            chosen[name] = _PLAIN[name]
            continue
        place = zlib.crc32(name.encode()) % len(_PALETTE)
        if len(taken) < len(_PALETTE):
            while place in taken:
                place = (place + 1) % len(_PALETTE)
        taken.add(place)
        chosen[name] = _PALETTE[place]
    return chosen


def of_category(category: str) -> str:
    """The colour of a node's head, by the first part of its category."""
    hue = zlib.crc32(category.partition("/")[0].casefold().encode()) % 360 / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.30, 0.26)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
