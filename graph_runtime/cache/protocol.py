"""What every cache can do, and the figures it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..results import Result


class Cache(Protocol):
    """Keeps results by key. A hit equals a fresh run; every method is thread-safe."""

    def __contains__(self, key: str) -> bool:
        """Tell, quickly, whether a result is likely there."""

    def get(self, key: str) -> Result | None:
        """Give a result, or None where there is none or it is damaged."""

    def put(self, key: str, result: Result) -> None:
        """Keep a result, as far as there is room for it and a way to write it."""

    def flush(self) -> None:
        """Return when everything that was put is safe."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How full a cache is and how much it helped.

    Attributes:
        items: Results that are kept.
        bytes: What they take up.
        limit: What they may take up, in bytes.
        hits: Results that were asked for and found.
        misses: Results that were asked for in vain.
        damaged: Files that were found damaged and set aside.
    """

    items: int
    bytes: int
    limit: int
    hits: int = 0
    misses: int = 0
    damaged: int = 0
