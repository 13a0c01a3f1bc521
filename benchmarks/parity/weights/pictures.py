"""The pictures that the cases begin with, by whole numbers alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Pixels = np.ndarray
"""uint8 [height, width, channel]."""


def _scene(width: int, height: int, kind: int) -> Pixels:
    """Gradients with a disc, a rectangle and slanting lines."""
    y, x = np.mgrid[:height, :width]
    channels = (5 * x + 2 * y + 40 * kind, x * x // (9 + kind) + 3 * y, 7 * y + kind * x)
    pixels = (np.stack(channels, axis=-1) % 256).astype(np.uint8)
    disc = (x - width // 3) ** 2 + (y - height // 2) ** 2 < (height // 4) ** 2
    inside = (x > width // 2) & (x < width - 10) & (y > height // 5) & (y < height // 2)
    pixels[disc] = (230, 60 + 30 * kind, 40)
    pixels[inside] = (30, 40, 200 - 40 * kind)
    pixels[(x + y) % (23 + kind) == 0] = 250
    return pixels


def _hole(width: int, height: int, centre: tuple[int, int], radius: int) -> Pixels:
    """Gradients with a transparent disc, half transparent at its border."""
    y, x = np.mgrid[:height, :width]
    distance = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    alpha = np.where(distance < radius**2, 0, np.where(distance < (radius + 4) ** 2, 128, 255))
    return (np.stack((3 * x, 5 * y, x * y, alpha), axis=-1) % 256).astype(np.uint8)


PICTURES: dict[str, Callable[[], Pixels]] = {
    "parity_a": lambda: _scene(96, 64, 0),
    "parity_b": lambda: _scene(100, 76, 1),
    "parity_c": lambda: _scene(64, 64, 2),
    "parity_mask": lambda: _hole(64, 64, (36, 26), 17),
    "parity_mask2": lambda: _hole(96, 64, (30, 34), 20),
}
"""The pictures by the names of their files."""
