"""What the demonstration model is measured by, on pictures that no training has seen.

All measures are plain image arithmetic, so that they need no other model's opinion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .augment import BACKGROUNDS, Bytes
from .dataset import Picture
from .hints import edges
from .variation import height_map, vary

TOLERANCE = 2
UNSEEN_TURN = 1000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Held-out pictures with their captions; the control pictures follow from them.

    Args:
        captions: One for each picture.
        rgb: `[count, size, size, 3]` bytes.
        alpha: `[count, size, size]` bytes; what the drawing covers.
    """

    captions: tuple[str, ...]
    rgb: Bytes
    alpha: Bytes

    def save(self, path: Path) -> None:
        """Writes the pairs into one compressed file."""
        np.savez_compressed(path, captions=np.array(self.captions), rgb=self.rgb, alpha=self.alpha)

    @staticmethod
    def load(path: Path) -> Pairs:
        """Reads what `save` wrote."""
        with np.load(path) as file:
            return Pairs(tuple(str(caption) for caption in file["captions"]), file["rgb"], file["alpha"])

    def first(self, count: int) -> Pairs:
        """Gives only the first pairs."""
        return Pairs(self.captions[:count], self.rgb[:count], self.alpha[:count])

    @property
    def edges(self) -> Bytes:
        """Traces every picture, `[count, size, size]`, 0 or 255."""
        return np.stack([edges(picture) for picture in self.rgb])

    @property
    def heights(self) -> Bytes:
        """Inflates every silhouette, `[count, size, size]` bytes."""
        return np.stack([height_map(alpha) for alpha in self.alpha])


def held_out_pairs(pictures: Sequence[Picture], drawings: Bytes, count: int) -> Pairs:
    """Chooses held-out pictures, always the same ones, each in one variation that is never trained on."""
    unseen = [index for index, picture in enumerate(pictures) if picture.held_out]
    unseen.sort(key=lambda index: hashlib.sha256(f"{pictures[index].code}/{pictures[index].style}".encode()).digest())
    shown = [vary(pictures[index], drawings[index], index, UNSEEN_TURN) for index in unseen[:count]]
    return Pairs(
        tuple(one.caption for one in shown),
        np.stack([one.rgb for one in shown]),
        np.stack([one.alpha for one in shown]),
    )


def edge_f1(found: Bytes, wanted: Bytes, tolerance: int = TOLERANCE) -> float:
    """Compares two edge maps, as in the boundary measure of Martin et al. (2004) without the matching.

    Args:
        found: `[height, width]`; not 0 is an edge.
        wanted: The same.
        tolerance: Pixels that an edge may be off.

    Returns:
        The harmonic mean of precision and recall, 0..1; two empty maps agree.
    """
    if not found.any() or not wanted.any():
        return float(not found.any() and not wanted.any())
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance + 1, 2 * tolerance + 1))
    near_found, near_wanted = (cv2.dilate((edge > 0).astype(np.uint8), disc) > 0 for edge in (found, wanted))
    precision, recall = near_wanted[found > 0].mean(), near_found[wanted > 0].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def border_colour(rgb: Bytes) -> NDArray[np.floating]:
    """Gives the median colour of a picture's outermost two pixels."""
    frame = np.concatenate(
        [rgb[:2].reshape(-1, 3), rgb[-2:].reshape(-1, 3), rgb[:, :2].reshape(-1, 3), rgb[:, -2:].reshape(-1, 3)]
    )
    return np.asarray(np.median(frame, axis=0))


def silhouette(rgb: Bytes, threshold: float = 40.0) -> NDArray[np.bool_]:
    """Finds what stands out from the colour of the border, holes filled, `[height, width]`."""
    away = np.abs(rgb.astype(np.float32) - border_colour(rgb)).max(axis=-1) > threshold
    outlines, _ = cv2.findContours(away.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(away.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled > 0


def overlap(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Gives intersection over union, 0..1; two empty masks agree."""
    union = np.logical_or(found, wanted).sum()
    return float(np.logical_and(found, wanted).sum() / union) if union else 1.0


def named_background(caption: str) -> str:
    """Reads the background's colour out of a caption; white if it names none."""
    words = caption.rpartition(" on ")[2].split()
    return words[-2] if words[-1:] == ["background"] and words[-2] in BACKGROUNDS else "white"


def background_is_named(rgb: Bytes, caption: str) -> bool:
    """Whether the border's colour is nearer to the caption's than to any other that has a name."""
    colour = border_colour(rgb)
    nearest = min(BACKGROUNDS, key=lambda name: float(np.abs(colour - np.asarray(BACKGROUNDS[name])).sum()))
    return nearest == named_background(caption)


def inside_error(made: Bytes, wanted: Bytes, alpha: Bytes) -> float:
    """Gives the mean distance in Lab, inside the wanted silhouette, after both are blurred to four pixels."""
    lab = [
        cv2.cvtColor(cv2.GaussianBlur(rgb, (0, 0), 4).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        for rgb in (made, wanted)
    ]
    distance = np.sqrt(((lab[0] - lab[1]) ** 2).sum(axis=-1))
    return float(distance[alpha > 127].mean())
