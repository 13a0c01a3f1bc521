"""The edges of a picture by Canny's method (IEEE PAMI-8(6), 1986), with thresholds on the gradient itself.

The numbers are those of kornia 0.9: grey values 0..1, a Gaussian of 5 x 5 with sigma 1, Sobel sums that are not
normalised (a unit step reaches about 2.6), of a tied pair side by side the left or upper one kept. On a slanted edge
rounding decides which of two equal pixels is kept, so the order of operations is kornia's too.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import conv2d, pad

GREY = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in grey (ITU-R BT.601)."""

TINY = 1e-6
"""Keeps the square root smooth at zero."""

ALONG = ((0, 1), (1, 1), (1, 0), (1, -1))
"""The neighbour (down, right) that lies in the direction of a gradient of 0, 45, 90 and 135 degrees."""


def canny(image: Tensor, low: float, high: float) -> Tensor:
    """Trace edges.

    Args:
        image: `[batch, height, width, 3]`, 0..1.
        low: A gradient over this is an edge where it continues one.
        high: A gradient over this is always an edge.

    Returns:
        `[batch, height, width]`: 1 on edges, 0 elsewhere.
    """
    down, across = _gradients(_smoothed(_grey(image)))
    magnitude = (across**2 + down**2 + TINY).sqrt()
    ridges = magnitude * _is_ridge(magnitude, torch.atan2(down, across))
    traced = [_connected(one.cpu() > low, one.cpu() > high) for one in ridges[:, 0]]
    return torch.stack(traced).to(image)


def _grey(image: Tensor) -> Tensor:
    """The grey values, `[batch, 1, height, width]`, each product added as it is made."""
    red, green, blue = image.unbind(-1)
    weights = torch.tensor(GREY).to(image)
    grey = torch.addcmul(torch.addcmul(red * weights[0], green, weights[1]), blue, weights[2])
    return grey[:, None]


def _smoothed(grey: Tensor) -> Tensor:
    line = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / 2).to(grey)
    line = line / line.sum()
    framed = pad(grey, (2, 2, 2, 2), "reflect") if min(grey.shape[-2:]) > 2 else pad(grey, (2, 2, 2, 2), "replicate")
    return conv2d(conv2d(framed, line.reshape(1, 1, 1, 5)), line.reshape(1, 1, 5, 1))


def _gradients(grey: Tensor) -> tuple[Tensor, Tensor]:
    """The Sobel sums downwards and to the right; beyond the border the picture goes on as it ends."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(grey)
    framed = pad(grey, (1, 1, 1, 1), "replicate")
    return conv2d(framed, across.T.reshape(1, 1, 3, 3)), conv2d(framed, across.reshape(1, 1, 3, 3))


def _is_ridge(magnitude: Tensor, angle: Tensor) -> Tensor:
    """Tell where a gradient is the greatest along its own direction, rounded to 45 degrees; outside there is none.

    Upright and level neighbours that come after may be equal; slanted ones may not.
    """
    eighth = torch.round(angle * (4 / math.pi)).long() % 4
    height, width = magnitude.shape[-2:]
    framed = pad(magnitude, (1, 1, 1, 1))
    ridge = torch.zeros_like(magnitude, dtype=torch.bool)
    for number, (down, right) in enumerate(ALONG):
        after = framed[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        before = framed[..., 1 - down : 1 - down + height, 1 - right : 1 - right + width]
        beats_after = magnitude > after if down and right else magnitude >= after
        ridge |= (eighth == number) & beats_after & (magnitude > before)
    return ridge


def _connected(weak: Tensor, strong: Tensor) -> Tensor:
    """Keep the weak edges that touch a strong one, through others and across corners."""
    labels, _ = ndimage.label(weak.numpy(), np.ones((3, 3)))
    kept = np.isin(labels, np.setdiff1d(labels[strong.numpy()], [0]))
    return torch.from_numpy(kept)
