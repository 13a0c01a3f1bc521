"""The varied pictures that the diffusion models learn from, and their latents, computed once.

Variation `(picture, round)` is always the same, so a latent on disk, its caption,
its edges and its height map can be made at different times and still belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from .augment import BACKGROUNDS, Bytes, Placement, background, over, place
from .autoencoder import as_tensor
from .dataset import SIZE, Picture

WHITE_SHARE, CLOSE_SHARE = 0.35, 0.12
PORTRAITS = 6  # the first variations show the drawing large, in the middle and not mirrored


@dataclass(frozen=True, eq=False)
class Variation:
    """One picture as it is learned.

    Args:
        rgb: `[size, size, 3]` bytes.
        alpha: `[size, size]` bytes; what the drawing covers.
        caption: What it shows, with the background's colour unless it is an unnamed white.
    """

    rgb: Bytes
    alpha: Bytes
    caption: str


def vary(picture: Picture, drawing: Bytes, index: int, turn: int, size: int = SIZE) -> Variation:
    """Makes one variation of a picture.

    Args:
        picture: What the drawing shows.
        drawing: Premultiplied RGBA, a square.
        index: The picture's number in the dataset.
        turn: Which of its variations; any number from 0. The first `PORTRAITS` differ in background and little else.
        size: The result's edge in pixels.
    """
    random = np.random.default_rng([index, turn])
    placement = _placement(random, turn)
    white = random.random() < WHITE_SHARE
    name = "white" if white else str(random.choice(list(BACKGROUNDS)))
    canvas = place(drawing, placement, size)
    rgb = over(canvas, background(random, name))
    unnamed = name == "white" and random.random() < 0.5
    return Variation(rgb, canvas[..., 3], picture.caption(None if unnamed else name))


def _placement(random: np.random.Generator, turn: int) -> Placement:
    if turn < PORTRAITS:
        return Placement(float(random.uniform(0.84, 0.9)))
    close = random.random() < CLOSE_SHARE
    return Placement.sample(random, 0.95, 1.35) if close else Placement.sample(random)


def height_map(alpha: Bytes) -> Bytes:
    """Inflates a silhouette to a rounded body seen from the front.

    Height is a quarter circle over the distance to the outline, up to the widest place; near is white.

    Args:
        alpha: `[height, width]` bytes.

    Returns:
        `[height, width]` bytes; the ground is 0, the body 64 and more.
    """
    inside = (alpha > 127).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    far = 1 - distance / max(float(distance.max()), 1.0)
    return np.where(inside > 0, 64 + 191 * np.sqrt(np.clip(1 - far**2, 0, 1)), 0).astype(np.uint8)


@torch.inference_mode()
def encode_all(
    vae: AutoencoderKL,
    pictures: list[Picture],
    drawings: Bytes,
    turns: int,
    path: Path,
    at_picture: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float16]:
    """Encodes every picture's first variations into a file, `[pictures, turns, 4, size / 8, size / 8]` float16.

    The latents are the posterior's means, not yet scaled. A file that is there already is kept.
    """
    if path.exists():
        return np.asarray(np.load(path, mmap_mode="r"))
    cells = SIZE // 8
    latents = np.zeros((len(pictures), turns, 4, cells, cells), np.float16)
    for index, picture in enumerate(pictures):
        batch = np.stack([vary(picture, drawings[index], index, turn).rgb for turn in range(turns)])
        with torch.autocast("cpu", torch.bfloat16):
            latents[index] = vae.encode(as_tensor(batch)).latent_dist.mean.float().numpy()
        at_picture(index + 1)
    np.save(path, latents)
    return latents
