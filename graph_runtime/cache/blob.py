"""A run of bytes, in pieces, so that large memory is hashed and written without being copied."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str, Tree] | None"
"""Plain JSON data."""


@dataclass(frozen=True, eq=False)
class Blob:
    """A run of bytes.

    Attributes:
        pieces: The bytes in order.
    """

    pieces: tuple[bytes | memoryview, ...]

    @cached_property
    def size(self) -> int:
        """How many bytes it is."""
        return sum(len(piece) for piece in self.pieces)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        found = hashlib.sha256()
        for piece in self.pieces:
            found.update(piece)
        return found.hexdigest()

    def joined(self) -> bytes:
        """The bytes in one piece."""
        return b"".join(self.pieces)
