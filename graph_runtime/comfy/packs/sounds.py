"""Encodes the sounds that newer packs save: WAV and FLAC by itself, MP3 and Opus with PyAV where it is installed."""

from __future__ import annotations

import importlib
import io
import wave
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import NodeError
from . import flac

if TYPE_CHECKING:
    import numpy as np
    import torch

FORMATS = ("flac", "wav", "mp3", "opus")
_CODERS = {"mp3": "libmp3lame", "opus": "libopus"}
_OPUS = 48_000


def encoded(samples: torch.Tensor, rate: int, format: str, quality: str, texts: Mapping[str, str]) -> bytes:
    """Encode a sound.

    Args:
        samples: `[channel, sample]` from -1 to 1.
        rate: Samples of each channel in a second.
        format: One of `FORMATS`.
        quality: The bits of a second in thousands, such as `128k`; what else packs say means the best.
        texts: What is written beside the sound, by name; WAV carries none.

    Raises:
        NodeError: The format is none of these, or what encodes it is not installed.
    """
    if format not in FORMATS:
        raise NodeError(f"found the format {format!r}, needs one of {', '.join(FORMATS)}.")
    coded = (samples.float().clamp(-1, 1) * 32767).round().short().t().contiguous().cpu().numpy()
    if format == "flac":
        return flac.encoded(coded, rate, texts)
    return _wav(coded, rate) if format == "wav" else _compressed(coded, rate, format, quality, texts)


def _wav(coded: np.ndarray, rate: int) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as sound:
        sound.setnchannels(coded.shape[1])
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(coded.astype("<i2").tobytes())
    return data.getvalue()


def _compressed(coded: np.ndarray, rate: int, format: str, quality: str, texts: Mapping[str, str]) -> bytes:
    try:
        av: Any = importlib.import_module("av")
    except ModuleNotFoundError:
        raise NodeError(f"saving {format} needs PyAV: pip install av. FLAC and WAV need nothing.") from None
    layout = "mono" if coded.shape[1] == 1 else "stereo"
    to_rate = _OPUS if format == "opus" else rate
    data = io.BytesIO()
    with av.open(data, "w", format=format) as container:
        container.metadata.update(texts)
        stream: Any = container.add_stream(_CODERS[format], rate=to_rate, layout=layout)
        if quality.removesuffix("k").isdecimal():
            stream.bit_rate = 1000 * int(quality.removesuffix("k"))
        given = av.AudioFrame.from_ndarray(coded[:, :2].reshape(1, -1), format="s16", layout=layout)
        given.sample_rate = rate
        resampler = av.AudioResampler(stream.codec_context.format, layout, to_rate, frame_size=stream.frame_size)
        for frame in (*resampler.resample(given), *resampler.resample(None)):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return data.getvalue()
