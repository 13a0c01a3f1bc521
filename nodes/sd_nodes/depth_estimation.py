"""Runs depth networks: FastDepth (arXiv:1903.03273) through OpenCV, others through transformers."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch.nn.functional import interpolate

from sd_nodes.annotators.detection import detection_size
from sd_nodes.annotators.guided import guided
from sd_nodes.annotators.pretrained import load_network
from sd_nodes.arrays import bytes_of, image_of
from sd_nodes.assets import DEPTH, locate_asset
from sd_nodes.depth_models import FASTDEPTH, depth_digest, depth_folder
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import BaseImageProcessor, PreTrainedModel

    from graph_runtime import Folders

    Estimate = Callable[[Image], NDArray[np.float32]]

SIDE = 224
"""The side of the square pictures that FastDepth takes."""

FINEST = 1024
"""The shorter side, in pixels, up to which its coarse depth is brought to the edges of the picture."""

METRIC = ("zoedepth", "glpn", "depth_pro")
"""Kinds of models of transformers that give metres."""

NEAREST = 1e-3
"""Metres; nothing is nearer than this to the camera."""


def estimator(model: str, folders: Folders) -> Estimate:
    """Return what estimates one picture `[1, height, width, 3]`: its nearness `[height, width]`, on any scale.

    Raises:
        NodeError: The model is not there, or cannot be loaded.
    """
    if model == FASTDEPTH:
        (path,) = locate_asset(DEPTH, folders)
        return lambda image: _fastdepth(image, path)
    folder, digest = depth_folder(model, folders), depth_digest(model, folders)
    return lambda image: _transformers(image, folder, digest)


def near_is_white(nearness: NDArray[np.float32]) -> Image:
    """Stretch a nearness to grey from black to white; black all over where it is the same everywhere."""
    low, high = float(nearness.min()), float(nearness.max())
    grey = (nearness - low) / (high - low) if high > low else np.zeros_like(nearness)
    return image_of(grey.astype(np.float32)[None])


def _fastdepth(image: Image, path: Path) -> NDArray[np.float32]:
    picture = bytes_of(image)[0]
    net = cv2.dnn.readNetFromONNX(str(path))
    net.setInput(cv2.dnn.blobFromImage(picture, 1 / 255, (SIDE, SIDE)))
    metres = np.asarray(net.forward(), np.float32).reshape(SIDE, SIDE)
    return _refined(_nearness(metres), picture)


def _refined(nearness: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give a coarse nearness the size and the edges of its picture, `[height, width, 3]`."""
    height, width = picture.shape[:2]
    tall, wide = detection_size(height, width, min(FINEST, height, width))
    seen = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    coarse = np.asarray(cv2.resize(nearness, (wide, tall), interpolation=cv2.INTER_LINEAR), np.float32)
    fine = cv2.resize(guided(coarse, seen), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine, np.float32)


def _nearness(metres: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / np.maximum(metres, NEAREST), np.float32)


def _transformers(image: Image, folder: Path, digest: str) -> NDArray[np.float32]:
    from PIL import Image as Pillow

    processor, network = _network(folder, digest)
    inputs = processor(Pillow.fromarray(bytes_of(image)[0]), return_tensors="pt")
    predicted = network(**inputs.to(network.device)).predicted_depth[:, None].float()
    height, width = image.shape[1:3]
    down, right = (_frame(side) if _is_framed(processor, network) else 0 for side in (height, width))
    seen = (height + 2 * down, width + 2 * right)
    sized = interpolate(predicted, seen, mode="bicubic", align_corners=False)
    depth: NDArray[np.float32] = sized[0, 0, down : down + height, right : right + width].cpu().numpy()
    return _nearness(depth) if _is_metric(network) else depth


@lru_cache(maxsize=1)
def _network(folder: Path, digest: str) -> tuple[BaseImageProcessor, PreTrainedModel]:
    """Load a network once; `digest` tells apart what lay in its folder at different times."""
    from transformers import AutoModelForDepthEstimation

    return load_network(folder, "depth model", lambda _: AutoModelForDepthEstimation)


def _is_metric(network: PreTrainedModel) -> bool:
    """Tell whether a network gives metres, which grow with the distance, rather than nearness."""
    config = network.config
    return config.model_type in METRIC or getattr(config, "depth_estimation_type", "") == "metric"


def _is_framed(processor: BaseImageProcessor, network: PreTrainedModel) -> bool:
    """Tell whether a network is shown its picture in a frame of mirrored pixels: ZoeDepth is worst at the border."""
    return network.config.model_type == "zoedepth" and bool(processor.do_pad)


def _frame(side: int) -> int:
    """How wide ZoeDepth's frame is at both ends of a side, in pixels of the picture (arXiv:2302.12288, its code)."""
    return int(math.sqrt(side / 2) * 3)
