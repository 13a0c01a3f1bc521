"""`comfy_execution.graph`: a value that keeps what depends on it from running."""

from __future__ import annotations


class ExecutionBlocker:
    """Keeps whatever receives it from running; with a message, that is reported where it arrives.

    Args:
        message: Why; None blocks silently.
    """

    def __init__(self, message: str | None = None) -> None:
        self.message = message
