"""Yahoo's open_nsfw (github.com/yahoo/open_nsfw): how likely a picture is not safe to be shown, through OpenCV.

Only pornography is meant: neither violence nor anything else that a person may not want to see.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as Pillow

from sd_nodes.arrays import bytes_of
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SIDE, CROP = 256, 224
"""The side that a picture is scaled to, whatever its proportion, and the side of what is cut out of its middle."""

MEAN = np.array([104, 117, 123], np.float32)
"""The mean colour of its training pictures, blue first."""


def unsafe(images: Image, path: Path) -> Iterator[float]:
    """Tell of each picture how likely it is not safe, 0..1: under 0.2 it is safe, over 0.8 it is not.

    Args:
        images: `[batch, height, width, channel]`; grey pictures have one channel, an alpha channel is left out.
        path: The network's file.
    """
    net = cv2.dnn.readNetFromONNX(str(path))
    for picture in bytes_of(Image(images[..., :3].expand(*images.shape[:3], 3))):
        net.setInput(prepared(picture)[None])
        yield float(np.asarray(net.forward()).reshape(-1)[1])


def prepared(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the network sees of a picture `[height, width, 3]` in 8 bits: `[224, 224, 3]`, blue first.

    The network was trained on JPEG files; its authors' own preparation writes and reads one, and so does this.
    """
    offset = (SIDE - CROP) // 2
    sized = Pillow.fromarray(picture).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    file = BytesIO()
    sized.crop((offset, offset, offset + CROP, offset + CROP)).save(file, format="JPEG")
    with Pillow.open(file) as read:
        return np.ascontiguousarray(np.asarray(read, np.float32)[:, :, ::-1] - MEAN)
