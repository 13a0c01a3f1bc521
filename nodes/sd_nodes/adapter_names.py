"""Names of tensors of T2I adapters (arXiv:2302.08453): from the original layouts to diffusers' names.

A full adapter has two blocks in a row on each level, a light one a chain of them; diffusers numbers them by level.
"""

from __future__ import annotations

import re

FULL, LIGHT = "body.0.block1.weight", "body.0.body.0.block1.weight"
"""The names that betray the two layouts."""

OURS = "adapter.body.0.resnets.0.block1.weight"
"""The name that betrays diffusers' layout."""

BLOCK = re.compile(r"body\.(\d+)\.(block[12]|in_conv)\.(weight|bias)")
CHAINED = re.compile(r"body\.(\d+)\.body\.(\d+)\.(block[12])\.(weight|bias)")
EACH = 2
"""How many blocks a level of a full adapter has."""


def renamed(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor of a full adapter by diffusers' name."""
    return {_full(name): name for name in names}


def renamed_light(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor of a light adapter by diffusers' name."""
    return {"adapter." + CHAINED.sub(r"body.\1.resnets.\2.\3.\4", name): name for name in names}


def _full(name: str) -> str:
    match = BLOCK.fullmatch(name)
    if match is None:
        return f"adapter.{name}"
    level, place = divmod(int(match[1]), EACH)
    inner = match[2] if match[2] == "in_conv" else f"resnets.{place}.{match[2]}"
    return f"adapter.body.{level}.{inner}.{match[3]}"
