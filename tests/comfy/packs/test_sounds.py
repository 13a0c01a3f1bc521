"""Sounds that newer packs save."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import wave

import numpy as np
import pytest
import torch

from graph_runtime import NodeError
from graph_runtime.comfy.packs.sounds import encoded

RATE = 44_100


def noise(channels: int, count: int) -> torch.Tensor:
    return torch.rand(channels, count, generator=torch.Generator().manual_seed(1)) * 2.4 - 1.2


def whole(samples: torch.Tensor) -> np.ndarray:
    return (samples.clamp(-1, 1) * 32767).round().short().t().numpy()


def read_flac(data: bytes) -> tuple[np.ndarray, int, bytes]:
    """Read samples, the rate and the texts of a file whose blocks are written as they are, and check the sums."""
    assert data[:4] == b"fLaC"
    stream = data[8:42]
    facts = int.from_bytes(stream[10:18], "big")
    rate, channels, bits, count = facts >> 44, (facts >> 41 & 7) + 1, (facts >> 36 & 31) + 1, facts & (1 << 36) - 1
    length = int.from_bytes(data[43:46], "big")
    assert (data[4], data[42], bits) == (0, 0x84, 16)
    texts, place, blocks = data[46 : 46 + length], 46 + length, []
    while place < len(data):
        start, size = place, 4096
        assert data[place : place + 2] == b"\xff\xf8" and data[place + 3] == (channels - 1) << 4 | 8
        number = len(chr(len(blocks)).encode())
        assert data[place + 4 : place + 4 + number] == chr(len(blocks)).encode()
        place += 4 + number
        if data[start + 2] == 0x70:
            size, place = int.from_bytes(data[place : place + 2], "big") + 1, place + 2
        place += 1
        assert sums_up(data[start:place], 0x107)
        rows = []
        for _ in range(channels):
            assert data[place] == 2
            rows.append(np.frombuffer(data, ">i2", size, place + 1))
            place += 1 + 2 * size
        blocks.append(np.stack(rows, 1))
        place += 2
        assert len(blocks) not in (1, 129) or sums_up(data[start:place], 0x18005)  # all of them would take long
    samples = np.concatenate(blocks).astype("<i2") if blocks else np.zeros((0, channels), "<i2")
    assert len(samples) == count
    assert hashlib.md5(samples.tobytes(), usedforsecurity=False).digest() == stream[18:]
    return samples, rate, texts


def sums_up(data: bytes, polynomial: int) -> bool:
    """Divide the bytes, with their check behind them, as one long polynomial: nothing may remain."""
    value, degree = 0, polynomial.bit_length() - 1
    for byte in data:
        for bit in range(7, -1, -1):
            value = value << 1 | byte >> bit & 1
            if value >> degree:
                value ^= polynomial
    return value == 0


@pytest.mark.parametrize(("channels", "count"), [(1, 0), (1, 1), (2, 4096), (2, 4100), (8, 20)])
def test_flac_keeps_every_sample_and_the_texts(channels: int, count: int) -> None:
    sound = noise(channels, count)
    samples, rate, texts = read_flac(encoded(sound, RATE, "flac", "128k", {"prompt": '{"ä": 1}'}))
    np.testing.assert_array_equal(samples, whole(sound))
    assert rate == RATE and 'prompt={"ä": 1}'.encode() in texts


def test_flac_counts_its_blocks() -> None:
    sound = noise(1, 130 * 4096)
    np.testing.assert_array_equal(read_flac(encoded(sound, 8000, "flac", "", {}))[0], whole(sound))


def test_wav() -> None:
    with wave.open(io.BytesIO(encoded(noise(2, 80), 8000, "wav", "", {}))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 80)


def test_other_formats_say_what_they_need() -> None:
    with pytest.raises(NodeError, match="needs one of flac, wav, mp3, opus"):
        encoded(noise(1, 10), RATE, "aiff", "", {})
    with pytest.raises(NodeError, match="found 9 channels"):
        encoded(noise(9, 10), RATE, "flac", "", {})
    if importlib.util.find_spec("av") is None:
        with pytest.raises(NodeError, match="saving mp3 needs PyAV: pip install av"):
            encoded(noise(1, 10), RATE, "mp3", "", {})


@pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="PyAV is not installed")
@pytest.mark.parametrize(("format", "rate"), [("mp3", RATE), ("opus", 48_000)])
def test_compressed_sounds(format: str, rate: int) -> None:
    import av

    with av.open(io.BytesIO(encoded(noise(2, RATE), RATE, format, "128k", {"prompt": "{}"}))) as file:
        stream = file.streams.audio[0]
        count = sum(frame.samples for frame in file.decode(stream))
        assert (stream.rate, stream.channels) == (rate, 2)
        assert abs(count - rate) < rate / 10
