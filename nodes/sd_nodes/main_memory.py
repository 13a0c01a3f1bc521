"""How much memory the machine has; told without torch."""

from __future__ import annotations

import os
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux tells how much of it a container may take."""

UNKNOWN = 8 << 30
"""What is assumed where the system does not tell."""


def main_memory() -> int:
    """Return the bytes of main memory, or of the part that a container may take."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        whole = UNKNOWN
    return min([whole, *filter(None, map(_limit, LIMITS))])


def _limit(path: str) -> int:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(text) if text.isdecimal() else 0
