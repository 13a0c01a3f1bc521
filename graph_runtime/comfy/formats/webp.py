"""The EXIF data in a WebP file, by the chunks of its container (RIFF)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from ...errors import sized
from .limits import TEXT_LIMIT, PictureError, exactly

_EXIF_FLAG = 0x08
_ALPHA_FLAG = 0x10


def is_webp(head: bytes) -> bool:
    """Tell whether the first 12 bytes of a file are those of a WebP file."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def read_exif(file: BinaryIO) -> bytes:
    """Read the EXIF data of a WebP file.

    Args:
        file: The file, at its start.

    Returns:
        The data; empty where there is none.

    Raises:
        PictureError: The file ends too soon, or the data is larger than any workflow.
    """
    exactly(file, 12)
    while head := file.read(8):
        if len(head) < 8:
            raise PictureError("it ends in the middle of a chunk.")
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            if length > TEXT_LIMIT:
                raise PictureError(f"its EXIF data takes more than {sized(TEXT_LIMIT)}.")
            return exactly(file, length)
        file.seek(length + length % 2, 1)
    return b""


def with_exif(picture: bytes, block: bytes) -> bytes:
    """Put EXIF data into a WebP file in the place of what it has; nothing else in it changes.

    Raises:
        PictureError: The file ends too soon.
    """
    chunks: list[tuple[bytes, bytes]] = []
    place = 12
    while place + 8 <= len(picture):
        kind, length = struct.unpack_from("<4sI", picture, place)
        data = picture[place + 8 : place + 8 + length]
        if len(data) < length:
            raise PictureError("it ends in the middle of a chunk.")
        if kind != b"EXIF":
            chunks.append((kind, data))
        place += 8 + length + length % 2
    if not chunks:
        raise PictureError("it holds no picture.")
    kind, data = chunks[0]
    if kind == b"VP8X":
        chunks[0] = (kind, bytes([data[0] | _EXIF_FLAG]) + data[1:])
    else:
        chunks.insert(0, (b"VP8X", _extended(kind, data)))
    body = b"".join(_chunk(*chunk) for chunk in [*chunks, (b"EXIF", block)])
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _extended(kind: bytes, data: bytes) -> bytes:
    """Make the header that a plain file lacks: what else it holds, and the size of its picture."""
    if len(data) < 10:
        raise PictureError("it ends too soon.")
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    else:
        sides = (int.from_bytes(data[place : place + 2], "little") & 0x3FFF for place in (6, 8))
        width, height, alpha = *(side - 1 for side in sides), 0
    flags = _EXIF_FLAG | (_ALPHA_FLAG if alpha else 0)
    return struct.pack("<I", flags) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
