"""The EXIF data in a JPEG file, by its segments."""

from __future__ import annotations

import struct
from typing import BinaryIO

from .exif import HEADER
from .limits import PictureError, exactly

START = b"\xff\xd8\xff"
_APP0, _APP1, _SCAN, _END = 0xE0, 0xE1, 0xDA, 0xD9
_SEGMENT_LIMIT = 0xFFFF - 2


def read_exif(file: BinaryIO) -> bytes:
    """Read the EXIF data of a JPEG file.

    Args:
        file: The file, at its start.

    Returns:
        The data without its header; empty where there is none.

    Raises:
        PictureError: The file ends too soon, or its segments are damaged.
    """
    exactly(file, 2)
    while True:
        mark = exactly(file, 2)
        if mark[0] != 0xFF:
            raise PictureError("its segments are damaged.")
        if mark[1] == 0xFF:
            file.seek(-1, 1)  # segments may be padded with 0xFF
            continue
        if mark[1] in (_SCAN, _END):
            return b""
        (length,) = struct.unpack(">H", exactly(file, 2))
        if length < 2:
            raise PictureError("its segments are damaged.")
        data = exactly(file, length - 2)
        if mark[1] == _APP1 and data.startswith(HEADER):
            return data.removeprefix(HEADER)


def with_exif(picture: bytes, block: bytes) -> bytes:
    """Put EXIF data into a JPEG file in the place of what it has; nothing else in it changes.

    Raises:
        PictureError: The data is too large for a JPEG file, or the file is damaged.
    """
    data = HEADER + block
    if len(data) > _SEGMENT_LIMIT:
        raise PictureError(f"a JPEG file takes {_SEGMENT_LIMIT} bytes of metadata, but it comes to {len(data)}.")
    made = [picture[:2]]
    place, after = 2, 1
    while place + 4 <= len(picture) and picture[place + 1] not in (_SCAN, _END):
        mark, length = struct.unpack_from(">HH", picture, place)
        if mark >> 8 != 0xFF or length < 2:
            raise PictureError("its segments are damaged.")
        segment = picture[place : place + 2 + length]
        if not (mark == 0xFF00 | _APP1 and segment[4:].startswith(HEADER)):
            made.append(segment)
        if mark == 0xFF00 | _APP0:
            after = len(made)  # JFIF wants its own segment to be the first
        place += 2 + length
    made.insert(after, struct.pack(">BBH", 0xFF, _APP1, len(data) + 2) + data)
    return b"".join([*made, picture[place:]])
