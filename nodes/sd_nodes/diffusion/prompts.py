"""Weights in prompts: `(more)`, `((much more))`, `(this much:1.3)`."""

import math
import re
from typing import NamedTuple

LOUDER = 1.1
"""What a pair of parentheses without a number multiplies the weight by."""

LITERALS = {r"\(": "\0", r"\)": "\1"}
"""Escaped parentheses, and what stands for them while the text is parsed."""

PARENTHESIS = re.compile(r"[()]")


class Segment(NamedTuple):
    """A run of text with one weight."""

    text: str
    weight: float


def segments(prompt: str) -> list[Segment]:
    """Parses the weights of a prompt; nothing is an error, what cannot be read as a weight is text.

    A pair of parentheses multiplies the weight by 1.1. A number behind its last colon is the weight instead.
    Parentheses without a partner, square brackets and escaped parentheses are text.

    Args:
        prompt: The prompt.

    Returns:
        Texts with their weights, in order, none empty.
    """
    plain = _hidden(prompt)
    partners = _partners(plain)
    waiting, found = [(0, len(plain), 1.0)], []
    while waiting:
        start, end, weight = waiting.pop()
        pieces: list[tuple[int, int, float]] = []
        for first, last in _pieces(plain, start, end, partners):
            if last - first >= 2 and plain[first] == "(" and plain[last - 1] == ")":
                pieces.append(_inside(plain, first + 1, last - 1, weight))
            else:
                found.append((first, Segment(_shown(plain[first:last]), weight)))
        waiting.extend(reversed(pieces))
    return [segment for _, segment in sorted(found, key=lambda one: one[0]) if segment.text]


def _hidden(text: str) -> str:
    for literal, mark in LITERALS.items():
        text = text.replace(literal, mark)
    return text


def _shown(text: str) -> str:
    for literal, mark in LITERALS.items():
        text = text.replace(mark, literal[1])
    return text


def _inside(text: str, start: int, end: int, weight: float) -> tuple[int, int, float]:
    """The text between two parentheses, without its number, and its weight."""
    colon = text.rfind(":", start, end)
    if colon > start:
        number = _number(text[colon + 1 : end])
        if number is not None:
            return start, colon, number
    return start, end, weight * LOUDER


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _partners(text: str) -> dict[int, int]:
    """The place of the closing parenthesis of each opening one that has a partner."""
    opened, partners = [], {}
    for match in PARENTHESIS.finditer(text):
        if match.group() == "(":
            opened.append(match.start())
        elif opened:
            partners[opened.pop()] = match.start()
    return partners


def _pieces(text: str, start: int, end: int, partners: dict[int, int]) -> list[tuple[int, int]]:
    """Cuts text at its outermost pairs of parentheses.

    What follows a closing parenthesis without a partner is text up to the opening one that makes up for it.
    """
    pieces, begun, place, depth = [], start, start, 0
    while match := PARENTHESIS.search(text, place, end):
        here, place = match.start(), match.end()
        if match.group() == ")":
            depth -= 1
        elif depth < 0:
            depth += 1
        else:
            pieces.append((begun, here))
            place = begun = partners[here] + 1 if partners.get(here, end) < end else end
            pieces.append((here, begun))
    return [(first, last) for first, last in (*pieces, (begun, end)) if first < last]
