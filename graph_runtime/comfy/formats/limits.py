"""How much of a picture file is read, and what is said when it is too much or too little."""

from __future__ import annotations

from typing import BinaryIO

TEXT_LIMIT = 64 * 10**6
"""Bytes that the texts of one picture may take, decompressed."""


class PictureError(Exception):
    """A picture file is damaged, or beyond what a workflow needs; its text ends a sentence that names the file."""


def exactly(file: BinaryIO, count: int) -> bytes:
    """Read so many bytes.

    Raises:
        PictureError: The file ends before.
    """
    data = file.read(count)
    if len(data) < count:
        raise PictureError("it ends too soon.")
    return data
