"""Writes sounds as FLAC (RFC 9639): lossless, with texts beside the sound, and nothing to install for it.

Samples are written as they are, one block after the other: any player reads that, and the files are as large as WAV.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from ...errors import NodeError

if TYPE_CHECKING:
    import numpy as np

BLOCK = 4096
"""Samples of each channel in one block; the last one may hold fewer."""

CHANNELS = 8
"""The most channels that a file may have."""

_VERBATIM = b"\x02"
_NO_MORE = 0x80
_WHOLE_BLOCK, _OTHER_BLOCK = 0xC0, 0x70


def encoded(samples: np.ndarray, rate: int, texts: Mapping[str, str]) -> bytes:
    """Write a sound.

    Args:
        samples: 16-bit whole numbers, `[sample, channel]`.
        rate: Samples of each channel in a second.
        texts: What is written beside the sound, by name.

    Raises:
        NodeError: There are more than eight channels.
    """
    count, channels = samples.shape
    if not 1 <= channels <= CHANNELS:
        raise NodeError(f"found {channels} channels, needs 1 to {CHANNELS}.")
    digest = hashlib.md5(samples.astype("<i2").tobytes(), usedforsecurity=False).digest()
    about = rate << 44 | (channels - 1) << 41 | 15 << 36 | count
    stream = struct.pack(">HH6xQ", BLOCK, BLOCK, about) + digest
    beside = _texts({"ENCODER": "ControlGraph", **texts})
    header = b"fLaC" + _section(0, stream) + _section(4 | _NO_MORE, beside)
    return header + b"".join(_frames(samples))


def _section(kind: int, data: bytes) -> bytes:
    return struct.pack(">B", kind) + len(data).to_bytes(3, "big") + data


def _texts(texts: Mapping[str, str]) -> bytes:
    """Texts as Vorbis writes them: the name of the program, then `NAME=text` each, lengths before them."""
    lines = [b"ControlGraph", *(f"{name}={text}".encode() for name, text in texts.items())]
    first, *rest = [struct.pack("<I", len(line)) + line for line in lines]
    return first + struct.pack("<I", len(rest)) + b"".join(rest)


def _frames(samples: np.ndarray) -> Iterator[bytes]:
    for number, start in enumerate(range(0, len(samples), BLOCK)):
        block = samples[start : start + BLOCK]
        whole = len(block) == BLOCK
        head = bytes([0xFF, 0xF8, _WHOLE_BLOCK if whole else _OTHER_BLOCK, (block.shape[1] - 1) << 4 | 8])
        head += chr(number).encode("utf-8", "surrogatepass")
        head += b"" if whole else struct.pack(">H", len(block) - 1)
        head += _remainder(head, 0x07, 8).to_bytes(1, "big")
        frame = head + b"".join(_VERBATIM + channel.tobytes() for channel in block.T.astype(">i2"))
        yield frame + _remainder(frame, 0x8005, 16).to_bytes(2, "big")


def _remainder(data: bytes, divisor: int, bits: int) -> int:
    """The cyclic redundancy check of some bytes."""
    table, mask, value = _table(divisor, bits), (1 << bits) - 1, 0
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> bits - 8 ^ byte]
    return value


@cache
def _table(divisor: int, bits: int) -> tuple[int, ...]:
    found = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (divisor if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
        found.append(value)
    return tuple(found)
