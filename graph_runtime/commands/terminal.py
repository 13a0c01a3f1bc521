"""Writes to the two standard streams whatever they are: a terminal, a file, a pipe that nobody reads any more."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..errors import shown

_LONGEST_LINE = 2000


_PLAIN = {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "→": "->", "×": "x", "–": "-", "·": "-"}
"""What stands for letters that an encoding lacks."""


def prepare() -> None:
    """Let the streams take any text: what their encoding lacks is written as a plain letter, or as an escape."""
    codecs.register_error("plainly", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError) and (letter := error.object[error.start]) in _PLAIN:
        return _PLAIN[letter], error.start + 1
    return codecs.backslashreplace_errors(error)


def say(text: str = "") -> None:
    """Write a line of what was asked for to the standard output."""
    _write(sys.stdout, text)


def complain(text: str = "") -> None:
    """Write a line about how things go, or went wrong, to the standard error."""
    _write(sys.stderr, text)


@contextmanager
def naming_new(folder: Path, note: Callable[[str], object] = complain) -> Iterator[None]:
    """Tell in a line if a folder was not there before the block, and is after it."""
    there = folder.is_dir()
    try:
        yield
    finally:
        if not there and folder.is_dir():
            note(f"made the folder {clean(str(folder))}")


def clean(text: str, limit: int = _LONGEST_LINE) -> str:
    """Make text from a file harmless: one line, no control characters."""
    return shown(text, limit)


def is_live() -> bool:
    """Tell whether somebody sees the standard error on a terminal that can redraw lines."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def are_apart() -> bool:
    """Tell whether the two standard streams go to different places, so that one does not show what the other holds."""
    if sys.stdout is None or sys.stderr is None:
        return True
    try:
        return not os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):  # no files of the system, or closed
        return sys.stdout is not sys.stderr


def send(data: bytes) -> None:
    """Write a whole file to the standard output."""
    _attempt(sys.stdout, lambda: sys.stdout.buffer.write(data))


def _write(stream: TextIO | None, text: str) -> None:
    _attempt(stream, lambda: stream.write(text + "\n") if stream is not None else None)


def _attempt(stream: TextIO | None, work: Callable[[], object]) -> None:
    """Write, unless the stream was closed before the command began; a stream that takes nothing more stops no run."""
    if stream is None:
        return
    try:
        work()
        stream.flush()
    except OSError as error:
        _abandon(stream)
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:
            complain(f"warning: the output cannot be written: {error.strerror}.")


def _abandon(stream: TextIO) -> None:
    """Send the rest nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
