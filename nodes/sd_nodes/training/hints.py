"""The control pictures of the demonstration ControlNets: edges as photographs have them, and height maps."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .augment import Bytes
from .variation import Variation, height_map

LOW, HIGH = 100, 200


def edges(rgb: Bytes, low: float = LOW, high: float = HIGH) -> Bytes:
    """Traces edges with Canny (1986), `[height, width]`, 0 or 255."""
    return np.asarray(cv2.Canny(np.ascontiguousarray(rgb), low, high), np.uint8)


def rough_edges(random: np.random.Generator, rgb: Bytes, other: Bytes) -> Bytes:
    """Traces edges as unevenly as a photograph gives them.

    Half of the maps are plain; the others come with other thresholds, after a blur, with pieces missing,
    or with clutter from another picture.

    Args:
        random: Where chance comes from.
        rgb: The picture to trace.
        other: The picture that clutter comes from.
    """
    if random.random() < 0.5:
        return edges(rgb)
    if random.random() < 0.5:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), float(random.uniform(0.4, 1.3))), np.uint8)
    low = float(random.uniform(30, 140))
    traced = edges(rgb, low, low * float(random.uniform(1.5, 2.5)))
    if random.random() < 0.4:
        traced = _without_pieces(random, traced)
    if random.random() < 0.25:
        traced = np.maximum(traced, _clutter(random, other))
    return traced


def _without_pieces(random: np.random.Generator, traced: Bytes) -> Bytes:
    count, labels = cv2.connectedComponents(traced, connectivity=8)
    kept = random.random(count) > 0.2
    thinned = np.where(kept[labels], traced, 0).astype(np.uint8)
    edge = traced.shape[0]
    for _ in range(int(random.integers(0, 4))):
        top, left = random.integers(edge, size=2)
        reach = int(random.integers(edge // 16, edge // 5))
        thinned[top : top + reach, left : left + reach] = 0
    return thinned


def _clutter(random: np.random.Generator, other: Bytes) -> Bytes:
    traced = edges(other)
    edge = traced.shape[0]
    window = np.zeros_like(traced)
    for _ in range(int(random.integers(1, 4))):
        top, left = random.integers(edge, size=2)
        reach = int(random.integers(edge // 10, edge // 3))
        window[top : top + reach, left : left + reach] = 1
    return traced * window


def edge_hint(random: np.random.Generator, shown: Variation, other: Variation) -> Bytes:
    """Makes the control picture of the Canny ControlNet, `[height, width]`."""
    return rough_edges(random, shown.rgb, other.rgb)


def depth_hint(random: np.random.Generator, shown: Variation, other: Variation) -> Bytes:
    """Makes the control picture of the depth ControlNet, `[height, width]`; some are smooth, some stand on grey."""
    heights = height_map(shown.alpha)
    if random.random() < 0.3:
        heights = np.asarray(cv2.GaussianBlur(heights, (0, 0), float(random.uniform(0.5, 2.0))), np.uint8)
    if random.random() < 0.3:
        ground = float(random.uniform(0, 40))
        heights = (ground + heights * (255 - ground) / 255).astype(np.uint8)
    return heights


Hint = Callable[[np.random.Generator, Variation, Variation], Bytes]
CONTROLS: dict[str, Hint] = {"canny": edge_hint, "depth": depth_hint}
