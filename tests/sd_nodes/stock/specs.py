"""How tests write down an input of a stock node: a type, a list of choices, or a type with its default and bounds.

A number is `(type, default, lowest, highest, step)`; a type with a question mark is optional.
"""

MOST = 16384
BATCH = ("INT", 1, 1, 4096, 1)
SHARE = ("FLOAT", 1.0, 0.0, 1.0, 0.01)
STRENGTH = ("FLOAT", 1.0, 0.0, 10.0, 0.01)
COLOUR = ("INT", 0, 0, 0xFFFFFF, 1)
CROPS = ["disabled", "center"]

Spec = str | list[str] | tuple[object, ...]
Nodes = dict[str, tuple[dict[str, Spec], list[str]]]
"""The inputs of each node in their order, and the names of its outputs."""


def place(step: int = 1) -> Spec:
    """A distance from the left or upper border."""
    return ("INT", 0, 0, MOST, step)


def side(default: int, low: int, step: int) -> Spec:
    """A width or a height."""
    return ("INT", default, low, MOST, step)


def number(default: float, low: float, high: float, step: float = 0.01) -> Spec:
    """A number that need not be whole."""
    return ("FLOAT", default, low, high, step)


def count(default: int, low: int, high: int) -> Spec:
    """A whole number."""
    return ("INT", default, low, high, 1)
