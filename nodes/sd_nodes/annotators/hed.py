"""HED, holistically-nested edge detection (arXiv:1504.06375), with the weights of a Keras file read into torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d

from graph_runtime import NodeError

if TYPE_CHECKING:
    Layer = tuple[Tensor, Tensor]

DEPTHS = (2, 2, 3, 3, 3)
"""How many convolutions of 3 x 3 each of the five stages of VGG-16 has; between stages the sides are halved."""

MEAN = (104.00699, 116.66877, 122.67892)
"""The mean blue, green and red that the network was trained to see as zero, of 0..255."""


def soft_edges(image: Tensor, path: Path) -> Tensor:
    """Return how likely each point of pictures lies on an outline.

    Args:
        image: `[batch, height, width, 3]`, 0..1, in the order red, green, blue.
        path: The file of weights.

    Returns:
        `[batch, height, width]`, 0..1.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layers = {name: (kernel.to(device), bias.to(device)) for name, (kernel, bias) in _layers(path).items()}
    states = (image.flip(-1) * 255 - torch.tensor(MEAN)).movedim(-1, 1).contiguous().to(device)
    size, sides = states.shape[-2:], []
    for stage, depth in enumerate(DEPTHS, start=1):
        if stage > 1:
            states = max_pool2d(states, 2, ceil_mode=True)
        for place in range(depth):
            states = conv2d(states, *layers[f"{stage}.{place}"], padding=1).relu()
        sides.append(interpolate(conv2d(states, *layers[f"side{stage}"]), size, mode="bilinear"))
    return conv2d(torch.cat(sides, dim=1), *layers["fuse"]).sigmoid()[:, 0].cpu()


@lru_cache(maxsize=1)
def _layers(path: Path) -> dict[str, Layer]:
    """Read kernels, `[out, in, height, width]`, and biases: those of the stages, of the side outputs and of the fusion.

    Raises:
        NodeError: The file does not hold them.
    """
    groups = {
        f"{stage}.{place}": f"block{stage}/layers/conv2d{f'_{place}' if place else ''}"
        for stage, depth in enumerate(DEPTHS, start=1)
        for place in range(depth)
    }
    groups |= {f"side{stage}": f"dsn{stage}" for stage in range(1, len(DEPTHS) + 1)} | {"fuse": "fuse"}
    try:
        with h5py.File(path, "r") as file, torch.inference_mode(False):
            return {name: _layer(file, group) for name, group in groups.items()}
    except (OSError, KeyError) as problem:
        raise NodeError(f"{path} does not hold the weights of HED: {problem}.") from problem


def _layer(file: h5py.File, group: str) -> Layer:
    kernel, bias = (np.asarray(file[f"{group}/vars/{part}"], np.float32) for part in (0, 1))
    return torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(), torch.from_numpy(bias)
