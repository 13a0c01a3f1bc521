"""Regions of like colour: a mean shift evens them (Comaniciu and Meer 2002), each gets one of a few colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from scipy import ndimage

from sd_nodes.annotators.ade20k import palette
from sd_nodes.annotators.detection import seen_size
from sd_nodes.imaging.quantizing import quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray


def colour_regions(
    picture: NDArray[np.uint8], resolution: int, colours: int, reach: float, likeness: float, smallest: float
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Part a picture into regions of like colour.

    Args:
        picture: `[height, width, 3]`.
        resolution: The shorter side at which it is looked at, in pixels; 0 is the picture's own.
        colours: How many colours there are at most.
        reach: How far around a point the mean is taken, in pixels.
        likeness: How different colours are taken for alike, of 0..255.
        smallest: Smaller regions go to those around them; a part of the picture's area.

    Returns:
        Which colour each point has, `[height, width]`, and the colours, `[count, 3]`.
    """
    height, width = picture.shape[:2]
    tall, wide = seen_size(height, width, resolution)
    method = cv2.INTER_AREA if tall < height else cv2.INTER_LINEAR
    seen = np.ascontiguousarray(cv2.resize(picture, (wide, tall), interpolation=method))
    even = cv2.pyrMeanShiftFiltering(seen, reach, likeness)
    few = quantize(torch.from_numpy(np.asarray(even, np.float32)[None] / 255), colours, "none")[0]
    flat = (few.numpy() * 255).round().astype(np.uint8).reshape(-1, 3)
    found, places = np.unique(flat, axis=0, return_inverse=True)
    labels = absorbed(places.reshape(tall, wide), smallest * tall * wide)
    drawn = cv2.resize(labels.astype(np.int32), (width, height), interpolation=cv2.INTER_NEAREST)
    return drawn.astype(np.intp), found


def absorbed(labels: NDArray[np.intp], least: float) -> NDArray[np.intp]:
    """Give the points of regions of less than `least` points to the nearest larger one; nothing where all are small."""
    small = np.zeros(labels.shape, np.bool_)
    for label in np.unique(labels):
        _, parts, sizes, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8), connectivity=4)
        crumbs = sizes[:, cv2.CC_STAT_AREA] < least
        crumbs[0] = False
        small |= crumbs[parts]
    if small.all() or not small.any():
        return labels
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)], np.intp)


def as_classes(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Exchange colours, `[count, 3]`, for the nearest of those that stand for ADE20K's classes, in CIELAB."""
    known = palette()
    ours, theirs = (cv2.cvtColor(each[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32) for each in (colours, known))
    nearest = ((ours[:, None] - theirs[None]) ** 2).sum(axis=-1).argmin(axis=1)
    return np.asarray(known[nearest], np.uint8)
