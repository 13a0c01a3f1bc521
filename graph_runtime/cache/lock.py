"""One writer at a time, in all processes, and the running total of what was written.

The system takes the lock back when a process dies, however it dies.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FORMAT = "{:020d}"
_LENGTH = 20
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt
    import time

    _FAR = 1 << 30  # past the total, which others may read meanwhile

    def _lock(handle: int) -> None:
        while True:
            os.lseek(handle, _FAR, os.SEEK_SET)
            try:
                return msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError:
                time.sleep(0.01)

    def _unlock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


class Total:
    """How many bytes lie in a folder, as all its writers count them; valid while the lock is held.

    Args:
        handle: The open lock file, which holds the number.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self) -> int | None:
        """Give the total, or None where nobody has counted yet."""
        os.lseek(self._handle, 0, os.SEEK_SET)
        text = os.read(self._handle, _LENGTH)
        return int(text) if len(text) == _LENGTH and text.isdigit() else None

    def write(self, total: int) -> None:
        """Set the total."""
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, _FORMAT.format(max(total, 0)).encode())


@contextmanager
def locked(path: Path) -> Iterator[Total]:
    """Hold the lock that a file stands for; waits until it is free.

    Args:
        path: The file; it is made, with its folder, where there is none.

    Raises:
        OSError: The file cannot be opened for writing, or its file system has no locks.
    """
    try:
        handle = os.open(path, _FLAGS, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, _FLAGS, 0o666)
    try:
        _lock(handle)
        try:
            yield Total(handle)
        finally:
            _unlock(handle)  # a child process may still have the file open; closing would not be enough
    finally:
        os.close(handle)
