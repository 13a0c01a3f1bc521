"""Ctrl-C while a run goes on: the first asks it to stop, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..executor import Cancellation
from .terminal import is_live

EXIT_CODE = 130
_SHOW_CURSOR = b"\x1b[?25h\n"


@contextmanager
def interrupts(cancellation: Cancellation, note: Callable[[str], None]) -> Iterator[None]:
    """Turn Ctrl-C into a cancellation while the block runs inside an event loop.

    Args:
        cancellation: Asks the run to stop.
        note: Tells the user what happens.
    """
    loop = asyncio.get_running_loop()

    def stop(signal_number: int, frame: FrameType | None) -> None:
        if cancellation.requested:
            os.write(2, _SHOW_CURSOR if is_live() else b"\n")
            os._exit(EXIT_CODE)
        cancellation.cancel()
        loop.call_soon_threadsafe(note, "stopping after the current step (Ctrl-C again stops at once)")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
