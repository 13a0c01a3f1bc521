"""Writes to the two standard streams whatever they are: a terminal, a file, a pipe that nobody reads any more."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from ..errors import shown

_LONGEST_LINE = 2000


def prepare() -> None:
    """Let the streams take any text: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """Write a line of what was asked for to the standard output."""
    _write(sys.stdout, text)


def complain(text: str = "") -> None:
    """Write a line about how things go, or went wrong, to the standard error."""
    _write(sys.stderr, text)


def clean(text: str, limit: int = _LONGEST_LINE) -> str:
    """Make text from a file harmless: one line, no control characters."""
    return shown(text, limit)


def is_live() -> bool:
    """Tell whether somebody sees the standard error on a terminal that can redraw lines."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _abandon(stream)


def _abandon(stream: TextIO) -> None:
    """Send the rest nowhere: that nobody reads any more stops no run."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
