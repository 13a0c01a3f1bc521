"""Keeps a fault of the engine from leaving a run half done."""

from __future__ import annotations

from collections.abc import Callable


class Guard:
    """Does the parts of one run; the first fault among them ends it in an orderly way.

    Args:
        stop: Called once, at the first fault.

    Attributes:
        fault: What the engine, or who takes the events, raised first, or None.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self.fault: BaseException | None = None
        self._stop = stop

    def do(self, work: Callable[..., None], *arguments: object) -> None:
        """Do part of the run; what it raises is kept as the fault."""
        try:
            work(*arguments)
        except BaseException as error:
            if self.fault is None:
                self.fault = error
                self._stop()
