"""Files that clients send: only kinds that nodes read, within limits, saved whole under a name that was free."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .. import atomic
from .bodies import refused
from .places import inside

if TYPE_CHECKING:
    from PIL.Image import Image

UPLOAD_LIMIT = 100 << 20
"""Bytes of one file."""

PIXEL_LIMIT = 1 << 27
"""Pixels of one picture."""

PICTURES = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP", ".tif": "TIFF",
    ".tiff": "TIFF", ".avif": "AVIF",
}  # fmt: skip
"""The pictures that are taken, with the format that their content has to have."""

RECORDINGS = frozenset({".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".mp4", ".webm", ".mkv", ".mov"})
"""The sounds and films that are taken."""

_NAMES_LIMIT = 10_000
_saving = threading.Lock()


def check(name: str, data: bytes) -> None:
    """Look whether a file is what its name says.

    Raises:
        Refused: It is of no kind that is taken, too large, or not what its name says.
    """
    suffix = PurePosixPath(name).suffix.casefold()
    if suffix in PICTURES:
        opened(data, PICTURES[suffix])
    elif suffix not in RECORDINGS:
        kinds = ", ".join(sorted({*PICTURES, *RECORDINGS}))
        raise refused(f"found a file of the kind {suffix[:20]!r}, needs one of {kinds}.", 415)


def opened(data: bytes, format: str = "") -> Image:
    """Open a picture without decoding it.

    Args:
        data: Its bytes.
        format: The format that it has to have; any that is taken when left out.

    Raises:
        Refused: It is no such picture, or has too many pixels.
    """
    from PIL import Image

    formats = list(dict.fromkeys(PICTURES.values()))
    try:
        picture = Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError:
        raise refused(f"the picture has too many pixels, needs at most {PIXEL_LIMIT} in all.", 413) from None
    except Exception:  # decoders meet broken files with any exception
        raise refused(f"the file is no picture that can be read; needs {', '.join(formats)}.", 415) from None
    width, height = picture.size
    if width * height * getattr(picture, "n_frames", 1) > PIXEL_LIMIT:
        raise refused(f"the picture has {width} x {height} pixels, needs at most {PIXEL_LIMIT} in all.", 413)
    if format and picture.format not in (format, "MPO" if format == "JPEG" else format):
        raise refused(f"the file is a {picture.format} picture, but its name says {format}.", 415)
    return picture


def save(folder: Path, name: str, data: bytes, overwrite: bool) -> str:
    """Save a file; give the name it got.

    A file of that name and content is used again; one of other content is left alone, and the new one is numbered.

    Args:
        folder: Where to.
        name: Its name.
        data: Its content.
        overwrite: Whether it takes the place of one of that name.

    Raises:
        Refused: It cannot be saved there.
    """
    path = inside(folder, name)
    stem, suffix = path.stem, path.suffix
    digest = hashlib.sha256(data).digest()
    with _saving:
        for number in range(1, _NAMES_LIMIT):
            if overwrite or not path.exists():
                break
            if path.is_file() and hashlib.sha256(path.read_bytes()).digest() == digest:
                return path.name
            path = path.with_name(f"{stem} ({number}){suffix}")
        try:
            atomic.write(path, data)
        except OSError as error:
            raise refused(f"the file cannot be saved: {error.strerror}.") from None
    return path.name


def masked(original: bytes, mask: bytes) -> bytes:
    """Put the alpha channel of one picture on another, as PNG; the workflow in the picture is kept.

    Raises:
        Refused: One of them is no picture.
    """
    from PIL.PngImagePlugin import PngInfo

    picture, alpha = opened(original), opened(mask)
    texts = PngInfo()
    for name, text in picture.info.items():
        if isinstance(name, str) and isinstance(text, str):
            texts.add_text(name, text)
    try:
        layer = alpha.convert("RGBA").resize(picture.size).getchannel("A")
        found = picture.convert("RGBA")
        found.putalpha(layer)
        stream = io.BytesIO()
        found.save(stream, "PNG", pnginfo=texts, compress_level=4)
    except (OSError, SyntaxError, ValueError) as error:
        raise refused(f"the picture cannot be read: {error}.", 415) from None
    return stream.getvalue()
