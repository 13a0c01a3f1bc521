"""The control pictures of the demonstration ControlNets: edges as photographs have them, and height maps."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .augment import Bytes
from .variation import Variation, height_map

LOW, HIGH, SMOOTHING = 30.0, 80.0, 1.4
RAW_LOW, RAW_HIGH = 100.0, 200.0


def edges(rgb: Bytes, low: float = LOW, high: float = HIGH, smoothing: float = SMOOTHING) -> Bytes:
    """Traces edges as Canny (1986) does: a Gaussian first, which OpenCV's function leaves to its caller.

    Args:
        rgb: `[height, width, 3]` bytes.
        low: A gradient below this is no edge.
        high: A gradient above this is always an edge.
        smoothing: The Gaussian's standard deviation in pixels; 0 is none.

    Returns:
        `[height, width]`, 0 or 255.
    """
    smooth = cv2.GaussianBlur(rgb, (0, 0), smoothing) if smoothing > 0 else np.ascontiguousarray(rgb)
    return np.asarray(cv2.Canny(np.asarray(smooth, np.uint8), low, high), np.uint8)


def raw_edges(rgb: Bytes) -> Bytes:
    """Traces edges as the "Canny Edges" node does when its values are left alone, without smoothing."""
    return edges(rgb, RAW_LOW, RAW_HIGH, 0)


def rough_edges(random: np.random.Generator, rgb: Bytes, other: Bytes) -> Bytes:
    """Traces edges as unevenly as a photograph gives them.

    Most maps are plain, smoothed or raw; the others come with other thresholds, with pieces missing,
    or with clutter from another picture.

    Args:
        random: Where chance comes from.
        rgb: The picture to trace.
        other: The picture that clutter comes from.
    """
    chance = random.random()
    if chance < 0.65:
        return edges(rgb) if chance < 0.4 else raw_edges(rgb)
    low, smoothing = float(random.uniform(20, 140)), float(random.choice([0.0, 0.7, 1.0, 2.0]))
    traced = edges(rgb, low, low * float(random.uniform(1.5, 2.5)), smoothing)
    if random.random() < 0.5:
        traced = _without_pieces(random, traced)
    if random.random() < 0.3:
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
