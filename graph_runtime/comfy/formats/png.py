"""The texts in a PNG file, by the chunks of its specification: tEXt, zTXt and iTXt."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ...errors import sized
from .limits import TEXT_LIMIT, PictureError, exactly

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def read_texts(file: BinaryIO) -> dict[str, str]:
    """Read the texts of a PNG file; pixels are skipped.

    Args:
        file: The file, at its start.

    Returns:
        The texts by keyword; the first of a name counts.

    Raises:
        PictureError: The file ends too soon, or a text is larger than any workflow.
    """
    exactly(file, len(SIGNATURE))
    texts: dict[str, str] = {}
    total = 0
    for kind, data in _chunks(file):
        found = _text(kind, data)
        if found is not None:
            texts.setdefault(*found)
            total += len(found[1])
        if total > TEXT_LIMIT:
            raise PictureError(f"its texts come to more than {sized(TEXT_LIMIT)}.")
    return texts


def with_texts(picture: bytes, texts: Mapping[str, str]) -> bytes:
    """Put texts into a PNG file in the place of those of the same names; nothing else in it changes.

    Raises:
        PictureError: The file ends too soon.
    """
    made = [SIGNATURE]
    place = len(SIGNATURE)
    while place < len(picture):
        if place + 12 > len(picture):
            raise PictureError("it ends in the middle of a chunk.")
        (length,) = struct.unpack_from(">I", picture, place)
        chunk = picture[place : place + 12 + length]
        if len(chunk) < 12 + length:
            raise PictureError("it ends in the middle of a chunk.")
        found = _text(chunk[4:8], chunk[8:-4]) if chunk[4:8] in _TEXTS else None
        if found is None or found[0] not in texts:
            made.append(chunk)
        if chunk[4:8] == b"IHDR":
            made += [_written(name, text) for name, text in texts.items()]
        place += len(chunk)
    return b"".join(made)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Give the text chunks up to the end of the file."""
    while head := file.read(8):
        if len(head) < 8:
            raise PictureError("it ends in the middle of a chunk.")
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        if kind not in _TEXTS:
            file.seek(length + 4, 1)
            continue
        if length > TEXT_LIMIT:
            raise PictureError(f"it holds a text of more than {sized(TEXT_LIMIT)}.")
        yield kind, exactly(file, length)
        file.seek(4, 1)
    raise PictureError("it ends before its last chunk.")


def _text(kind: bytes, data: bytes) -> tuple[str, str] | None:
    """Read one text; None where the chunk is none."""
    keyword, found, rest = data.partition(b"\0")
    name = keyword.decode("latin-1")
    if not found:
        return None
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    if kind == b"zTXt":
        return name, _inflated(rest[1:]).decode("latin-1")
    if len(rest) < 2:
        return None
    _, _, text = rest[2:].partition(b"\0")  # the language
    _, _, text = text.partition(b"\0")  # the keyword in that language
    return name, (_inflated(text) if rest[0] else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    """Decompress, but no more than a workflow can be."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, TEXT_LIMIT + 1)
    except zlib.error:
        raise PictureError("it holds a compressed text that is damaged.") from None
    if len(text) > TEXT_LIMIT:
        raise PictureError(f"it holds a text that decompresses to more than {sized(TEXT_LIMIT)}.")
    if not stream.eof:
        raise PictureError("it holds a compressed text that is cut off.")
    return text


def _written(name: str, text: str) -> bytes:
    keyword = name.encode("latin-1") + b"\0"
    if text.isascii():
        return _chunk(b"tEXt", keyword + text.encode("ascii"))
    return _chunk(b"iTXt", keyword + b"\0\0\0\0" + text.encode("utf-8"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
