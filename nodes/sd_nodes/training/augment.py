"""Pictures varied before they are learned: place, size, mirror image, colours and background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": (16, 16, 18),
    "grey": (140, 142, 146),
    "red": (214, 48, 49),
    "orange": (244, 144, 40),
    "yellow": (250, 218, 84),
    "green": (84, 180, 92),
    "teal": (40, 168, 168),
    "blue": (64, 128, 226),
    "navy": (28, 40, 96),
    "purple": (140, 84, 196),
    "pink": (250, 166, 200),
    "brown": (130, 88, 56),
    "beige": (238, 222, 192),
}


@dataclass(frozen=True)
class Placement:
    """Where a drawing stands on the canvas.

    Args:
        scale: The drawing's edge as a share of the canvas' edge.
        x: The centre, as a share of the width.
        y: The centre, as a share of the height.
        mirrored: Whether left and right are exchanged.
        angle: Degrees, counter-clockwise.
    """

    scale: float = 0.85
    x: float = 0.5
    y: float = 0.5
    mirrored: bool = False
    angle: float = 0.0

    @staticmethod
    def sample(random: np.random.Generator, least: float = 0.6, most: float = 0.95) -> Placement:
        """Draws a placement that keeps the drawing inside the canvas."""
        scale = float(random.uniform(least, most))
        slack = max(0.0, (1 - scale) / 2)
        x, y = 0.5 + random.uniform(-slack, slack, 2)
        return Placement(scale, float(x), float(y), bool(random.integers(2)))

    def matrix(self, source: int, target: int) -> NDArray[np.float32]:
        """Gives the affine map from a source square's pixels to the target's, `[2, 3]`."""
        radians, factor = np.deg2rad(self.angle), self.scale * target / source
        turn = factor * np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
        if self.mirrored:
            turn = turn @ np.diag([-1.0, 1.0])
        centre = np.array([self.x * target - 0.5, self.y * target - 0.5])
        return np.column_stack([turn, centre - turn @ np.full(2, (source - 1) / 2)]).astype(np.float32)


def place(drawing: Bytes, placement: Placement, size: int) -> Bytes:
    """Draws a premultiplied RGBA square onto a transparent canvas, `[size, size, 4]`."""
    matrix = placement.matrix(drawing.shape[0], size)
    shrinks = placement.scale * size < drawing.shape[0]
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(drawing, matrix, (size, size), flags=flags), np.uint8)


def over(canvas: Bytes, colour: NDArray[np.floating] | tuple[int, int, int]) -> Bytes:
    """Lays premultiplied RGBA over one colour and gives RGB."""
    left = 1 - canvas[..., 3:].astype(np.float32) / 255
    return np.clip(canvas[..., :3] + left * np.asarray(colour, np.float32) + 0.5, 0, 255).astype(np.uint8)


def background(random: np.random.Generator, name: str, spread: float = 10.0) -> NDArray[np.floating]:
    """Draws a colour near the one that the name stands for; white stays white."""
    jitter = 0.0 if name == "white" else random.normal(0, spread, 3)
    return np.clip(np.asarray(BACKGROUNDS[name]) + jitter, 0, 255)


def recolour(random: np.random.Generator, canvas: Bytes) -> Bytes:
    """Exchanges the colour channels and shifts their balance, within what alpha allows."""
    shuffled = canvas[..., [*random.permutation(3), 3]].astype(np.float32)
    shuffled[..., :3] *= random.uniform(0.7, 1.15, 3)
    return np.minimum(shuffled, canvas[..., 3:]).astype(np.uint8) if canvas.size else canvas
