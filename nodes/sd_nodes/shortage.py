"""Memory that ran out: recognised whoever says so, and told with what would fit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from graph_runtime import sized
from sd_nodes.memory import Stage, advice

if TYPE_CHECKING:
    from collections.abc import Iterator

PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""How torch's allocators, and the libraries below them, say it where they have no error of its own for it."""


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in PHRASES)


def told(stage: Stage, room: int) -> str:
    """Say what was in use when memory ran out, and which settings would fit.

    Args:
        stage: What was in use.
        room: The bytes that there are.
    """
    return " ".join(_sentences(stage, room))


def _sentences(stage: Stage, room: int) -> Iterator[str]:
    yield "memory ran out, and nothing more could be let go."
    parts = " and ".join(f"the {part.title} “{part.recipe.source.name}” {sized(part.weights)}" for part in stage.parts)
    if not parts:
        yield f"There are {sized(room)}: draw smaller or fewer pictures at once."
        return
    working = f", and to compute {stage.seen} about {sized(stage.working)}" if stage.working else ""
    yield f"In use are {parts}{working}; there are {sized(room)}."
    lacking = min(room, stage.bytes - 1)  # it did not fit, whatever the estimate says
    told = advice([stage], lacking)
    yield f"{told[0].upper()}{told[1:]}."
