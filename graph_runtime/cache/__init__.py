"""Keeps results by key: in memory, on disk, or in both."""

from .classes import types_of
from .codec import digest
from .memory import MemoryCache
from .protocol import Cache, Statistics
from .tiered import TieredCache

__all__ = ["Cache", "MemoryCache", "Statistics", "TieredCache", "digest", "types_of"]
