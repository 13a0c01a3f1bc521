"""A fast cache before a lasting one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..results import Result
    from .protocol import Cache


class TieredCache:
    """Asks memory first, then the disk; what the disk gives is kept in memory too.

    Args:
        memory: The fast cache.
        disk: The lasting one.
    """

    def __init__(self, memory: Cache, disk: Cache) -> None:
        self.memory = memory
        self.disk = disk

    def __contains__(self, key: str) -> bool:
        """Tell whether a result is likely in one of the two."""
        return key in self.memory or key in self.disk

    def get(self, key: str) -> Result | None:
        """Give a result from the first of the two that has it, or None."""
        result = self.memory.get(key)
        if result is None and (result := self.disk.get(key)) is not None:
            self.memory.put(key, result)
        return result

    def put(self, key: str, result: Result) -> None:
        """Keep a result in both."""
        self.memory.put(key, result)
        self.disk.put(key, result)

    def flush(self) -> None:
        """Return when both have what was put."""
        self.memory.flush()
        self.disk.flush()
