"""Which family of models something belongs to, and what a ControlNet was trained for."""

from __future__ import annotations

import re

WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
"""The width of the text embedding by which the published families are told apart."""

KINDS = {
    "canny": ("canny",),
    "depth": ("depth", "zoe", "midas"),
    "pose": ("openpose", "pose", "dwpose"),
    "scribble": ("scribble", "sketch"),
    "softedge": ("softedge", "hed", "pidi"),
    "lineart": ("lineart", "lineart_anime"),
    "lines": ("mlsd",),
    "normal": ("normal", "normalbae"),
    "segmentation": ("seg", "segmentation"),
    "shuffle": ("shuffle",),
    "tile": ("tile",),
    "inpaint": ("inpaint",),
    "instructions": ("ip2p",),
}
"""Kinds of control, and the words in names of published ControlNets that tell them."""


def family_of(width: int | None) -> str:
    """Return the family of a network that attends to text embeddings of this width; empty without a width."""
    return WIDTHS.get(width, f"context-{width}") if width else ""


def kind_of(name: str) -> str:
    """Return the kind of control that a ControlNet's name speaks of; empty if it speaks of none or of several."""
    words = set(re.split(r"[^a-z0-9]+|(?<=[a-z])(?=\d)", name.lower()))
    kinds = {kind for kind, signs in KINDS.items() if words & set(signs)}
    return kinds.pop() if len(kinds) == 1 else ""
