"""Tells why something is not kept, each reason once."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def nobody(*told: object) -> None:
    """Listens to nothing."""


class Reasons:
    """Passes reasons on, each the first time it comes up. Thread-safe.

    Args:
        tell: Takes a sentence.
        place: Where it happens, for the sentence.
    """

    def __init__(self, tell: Callable[[str], object], place: str) -> None:
        self._tell = tell
        self._place = place
        self._told: set[str] = set()
        self._lock = Lock()

    def say(self, what: str, error: Exception) -> None:
        """Tell what does not work, and why."""
        reason = (isinstance(error, OSError) and error.strerror) or f"{type(error).__name__}: {error}"
        sentence = f"{what} in {self._place}: {reason}."
        with self._lock:
            if sentence in self._told:
                return
            self._told.add(sentence)
        self._tell(sentence)
