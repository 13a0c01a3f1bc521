"""Opens pictures as far as their headers: whether a file is a picture, and whether it is too large."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from graph_runtime import NodeError

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = 80_000_000
"""No more than these are decoded: all frames of a picture together."""


def opened(path: Path) -> Pillow.Image:
    """Open a picture and read its header; it is for the caller to close.

    Raises:
        NodeError: It is no picture, or too large.
    """
    with ExitStack() as closing:
        try:
            picture = closing.enter_context(Pillow.open(path))
            pixels = picture.width * picture.height * frames(picture)
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
            raise NodeError(f"{path} is too large: at most {PIXELS:,} pixels are read.", input="image") from error
        except UnidentifiedImageError as error:
            raise NodeError(f"{path} is no picture of a known format.", input="image") from error
        except Exception as error:  # decoders raise what they like on damaged headers
            raise NodeError(f"{path} cannot be read: {error}.", input="image") from error
        if pixels > PIXELS:
            raise NodeError(f"{path} has {pixels:,} pixels; at most {PIXELS:,} are read.", input="image")
        closing.pop_all()  # whoever asked closes it
    return picture


def check(path: Path) -> None:
    """Raise what `opened` raises."""
    opened(path).close()


def frames(picture: Pillow.Image) -> int:
    """Return how many frames are read: of a stereo photograph (MPO) the first, since the others are other views."""
    return 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
