"""`comfy_execution.utils` and `comfy_execution.progress`: which node runs, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..calling import current
from .progress import ProgressBar


@dataclass(frozen=True)
class ExecutingContext:
    """Where the code that asks runs.

    Attributes:
        prompt_id: The id of the prompt; it is told nobody.
        node_id: The id of the node.
        list_index: The place in the list that the node is mapped over, where that is known.
    """

    prompt_id: str
    node_id: str
    list_index: int | None = None


def get_executing_context() -> ExecutingContext | None:
    """Say which node runs; None outside of all nodes."""
    node = current().node
    return ExecutingContext("", node) if node else None


class ProgressRegistry:
    """Takes progress for the node that runs, whatever node is named."""

    def update_progress(self, node_id: str, value: float, max_value: float, image: Any = None) -> None:
        """Say how far the node is.

        Raises:
            Interrupted: The run was cancelled.
        """
        ProgressBar(int(max_value)).update_absolute(value, preview=image)


def get_progress_state() -> ProgressRegistry:
    """What takes progress."""
    return ProgressRegistry()
