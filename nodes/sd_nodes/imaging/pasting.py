"""Pictures on pictures: pasted at a place through a mask, or framed by grey to be painted on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from sd_nodes.imaging.masking import scaled


def fit_batch(items: Tensor, batch: int) -> Tensor:
    """Cut a batch to a number of items, or repeat it from its start until there are as many."""
    return items.repeat(-(-batch // len(items)), *[1] * (items.ndim - 1))[:batch]


def with_channels(image: Tensor, channels: int) -> Tensor:
    """Give pictures a number of channels: what is over is left out, what lacks is opaque."""
    missing = channels - image.shape[-1]
    return image[..., :channels] if missing <= 0 else pad(image, (0, missing), value=1.0)


def paste(below: Tensor, above: Tensor, x: int, y: int, mask: Tensor | None, resize: bool) -> Tensor:
    """Lay pictures or latents on others.

    Args:
        below: `[batch, channel, height, width]`.
        above: `[batch, channel, height, width]`; its batch is cut or repeated, what reaches over the border left out.
        x: Where the left border of what is above comes to lie.
        y: Where its upper border comes to lie.
        mask: How much of it covers, 0..1, `[batch, height, width]` in any size; None covers all.
        resize: Whether it is scaled to the size of what is below first.
    """
    above = interpolate(above, below.shape[2:], mode="bilinear") if resize else above
    above = fit_batch(above, len(below)).to(below)
    cover = torch.ones_like(above) if mask is None else fit_batch(scaled(mask, *above.shape[2:]), len(below)).to(below)
    pasted = below.clone()
    place = pasted[:, :, y : y + above.shape[2], x : x + above.shape[3]]
    height, width = place.shape[2:]
    cover = cover[:, :, :height, :width]
    place.copy_(cover * above[:, :, :height, :width] + (1 - cover) * place)
    return pasted


def outpaint(image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int) -> tuple[Tensor, Tensor]:
    """Frame pictures by grey, and mask what is to be painted.

    Args:
        image: `[batch, height, width, channel]`.
        left: The width of the frame on this side, in pixels; the others likewise.
        top: Likewise.
        right: Likewise.
        bottom: Likewise.
        feathering: How far the mask reaches into the picture, falling off with the square of the distance; nothing
            where the picture is too small for it.

    Returns:
        The framed pictures, and the mask `[1, height, width]`: 1 on the frame.
    """
    height, width = image.shape[1:3]
    framed = pad(image, (0, 0, left, right, top, bottom), value=0.5)
    inner = torch.zeros(height, width)
    if feathering > 0 and 2 * feathering < min(height, width):
        down = _distance(height, top > 0, bottom > 0)
        across = _distance(width, left > 0, right > 0)
        inside = feathering - torch.minimum(down[:, None], across[None, :])
        inner = (inside / feathering).clamp(min=0) ** 2
    return framed, pad(inner, (left, right, top, bottom), value=1.0)[None]


def _distance(side: int, before: bool, after: bool) -> Tensor:
    """How far each pixel of a side lies from the frame, where there is one: from 0 before it, from 1 after it."""
    place = torch.arange(side, dtype=torch.float32)
    far = torch.full_like(place, float(side))
    return torch.minimum(place if before else far, side - place if after else far)
