"""Keeps results by key: in memory, on disk, or in both."""

from .classes import types_of
from .codec import digest
from .disk import DiskCache
from .memory import MemoryCache
from .protocol import Cache, Statistics
from .remote import RemoteCache
from .tiered import TieredCache
from .verify import Report

__all__ = [
    "Cache",
    "DiskCache",
    "MemoryCache",
    "RemoteCache",
    "Report",
    "Statistics",
    "TieredCache",
    "digest",
    "types_of",
]
