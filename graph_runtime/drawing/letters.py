"""How wide text is, near enough for boxes to fit it in any plain sans-serif typeface."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_WIDTHS = {**dict.fromkeys("iljI.,:;'|!()[]{}/\\ ft-`r", 0.34), **dict.fromkeys("mwMW@%&—…", 0.9)}


@lru_cache(maxsize=4096)
def _letter(letter: str) -> float:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    return 0.7 if letter.isupper() else 0.57


@lru_cache(maxsize=65536)
def width(text: str, size: float) -> float:
    """Estimate the width of a line in pixels."""
    return sum(map(_letter, text)) * size


def fitted(text: str, size: float, room: float) -> str:
    """Shorten a line to the room there is."""
    if width(text, size) <= room:
        return text
    used, kept = _letter("…") * size, 0
    for letter in text:
        used += _letter(letter) * size
        if used > room:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def wrapped(text: str, size: float, room: float, lines: int) -> list[str]:
    """Break a text into lines, where it breaks itself and between words; what needs more lines ends in an ellipsis."""
    found = [line for paragraph in text.splitlines() for line in _broken(paragraph, size, room)]
    if len(found) > lines:
        found[lines - 1 :] = [f"{found[lines - 1]} …"]
    return [fitted(line, size, room) for line in found]


def _broken(paragraph: str, size: float, room: float) -> list[str]:
    found: list[str] = []
    line = ""
    for word in paragraph.split():
        longer = f"{line} {word}" if line else word
        if line and width(longer, size) > room:
            found.append(line)
            line = word
        else:
            line = longer
    return [*found, line] if line else found
