"""Opens pictures as far as their headers: whether a file is a picture, and whether it is too large."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from graph_runtime import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIXELS = 80_000_000
"""No more than these are decoded: all frames of a picture together."""

FORMATS = "PNG, JPEG, WebP, AVIF, GIF, TIFF and BMP are read"

SIGNS = (
    (0, b"<", "it begins as a web page or an SVG drawing does"),
    (0, b"%PDF", "it is a PDF document"),
    (0, b"#?RADIANCE", "it is a Radiance HDR file"),
    (0, b"v/1\x01", "it is an OpenEXR file"),
    (0, b"II*\0", "it is a TIFF file whose pixels are of a rare kind, such as colours in floating point"),
    (0, b"MM\0*", "it is a TIFF file whose pixels are of a rare kind, such as colours in floating point"),
    (4, b"ftyphei", "it is an HEIC photograph"),
    (4, b"ftypmif1", "it is an HEIC photograph"),
    (4, b"ftypavif", "it is an AVIF file that is damaged or cut short"),
)
"""What people take for pictures: at which place of the file which bytes stand, and what it is."""


def opened(path: Path) -> Pillow.Image:
    """Open a picture and read its header; it is for the caller to close.

    Raises:
        NodeError: It is no picture, or too large.
    """
    with ExitStack() as closing:
        try:
            with quiet():
                picture = closing.enter_context(Pillow.open(path))
                pixels = picture.width * picture.height * frames(picture)
        except Pillow.DecompressionBombError as error:  # raised at twice what Pillow warns of
            found = f"over {2 * (Pillow.MAX_IMAGE_PIXELS or PIXELS):,} pixels"
            raise NodeError(f"{path} has {found}; at most {PIXELS:,} are read.", input="image") from error
        except UnidentifiedImageError as error:
            message = f"{path} is no picture of a known format{_told(path)}; {FORMATS}."
            raise NodeError(message, input="image") from error
        except Exception as error:  # decoders raise what they like on damaged headers
            raise NodeError(f"{path} cannot be read: {error}.", input="image") from error
        if pixels > PIXELS:
            raise NodeError(f"{path} has {pixels:,} pixels; at most {PIXELS:,} are read.", input="image")
        closing.pop_all()  # whoever asked closes it
    return picture


def check(path: Path) -> None:
    """Raise what `opened` raises."""
    opened(path).close()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to itself what Pillow warns of: odd metadata that nothing here reads, and sizes that are checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def frames(picture: Pillow.Image) -> int:
    """Return how many frames are read: of a stereo photograph (MPO) the first, since the others are other views."""
    return 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)


def _told(path: Path) -> str:
    """Tell what a file is that is no picture, as far as its first bytes say."""
    with path.open("rb") as file:
        first = file.read(64).lstrip()
    known = (words for place, sign, words in SIGNS if first[place:].startswith(sign))
    found = next(known, "") if first else "it is empty"
    return f": {found}" if found else ""
