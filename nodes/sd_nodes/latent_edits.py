"""Latents scaled, cut, turned, mirrored and laid on others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import NodeError, Range, node
from sd_nodes.types import Image, Latent

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

Method = Literal["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
Side = Annotated[int, Range(0, 16384, 8)]
Place = Annotated[int, Range(0, 16384, 8)]
SMALLEST = 8
"""Latents are not made smaller than this on a side."""


@node("Upscale Latent", category="latent", id="LatentUpscale")
def latent_upscale(
    samples: Latent,
    upscale_method: Method = "nearest-exact",
    width: Side = 512,
    height: Side = 512,
    crop: Literal["disabled", "center"] = "disabled",
) -> Latent:
    """Scale latents to a size.

    Args:
        samples: The latents.
        upscale_method: How they are scaled; `bislerp` keeps the strength of what lies between two latents.
        width: The new width in pixels of the picture; 0 keeps the proportion to the height.
        height: The new height in pixels of the picture; 0 keeps the proportion to the width.
        crop: `center` keeps the proportions and cuts off what is over.

    Returns:
        LATENT: The scaled latents.
    """
    if not width and not height:
        return samples
    rows, columns = samples["samples"].shape[-2:]
    pixels_wide = max(64, width or round(columns * max(64, height) / rows))
    pixels_high = max(64, height or round(rows * max(64, width) / columns))
    scaled = resized(samples["samples"], pixels_wide // 8, pixels_high // 8, upscale_method, crop == "center")
    return edited(samples, scaled)


@node("Upscale Latent By", category="latent", id="LatentUpscaleBy")
def latent_upscale_by(
    samples: Latent,
    upscale_method: Method = "nearest-exact",
    scale_by: Annotated[float, Range(0.01, 8.0, 0.01)] = 1.5,
) -> Latent:
    """Scale latents by a factor.

    Args:
        samples: The latents.
        upscale_method: How they are scaled; `bislerp` keeps the strength of what lies between two latents.
        scale_by: The factor for both sides.

    Returns:
        LATENT: The scaled latents.
    """
    height, width = (max(1, round(side * scale_by)) for side in samples["samples"].shape[-2:])
    return edited(samples, resized(samples["samples"], width, height, upscale_method))


@node("Latent Composite", category="latent", id="LatentComposite", version=2)
def latent_composite(
    samples_to: Latent,
    samples_from: Latent,
    x: Place = 0,
    y: Place = 0,
    feather: Annotated[int, Range(0, 16384, 8)] = 0,
) -> Latent:
    """Lay latents on others.

    Args:
        samples_to: The latents below.
        samples_from: The latents that are laid on them.
        x: Where their left border comes to lie, in pixels of the picture.
        y: Where their upper border comes to lie, in pixels of the picture.
        feather: Over how many pixels they fade at the borders that lie inside.

    Returns:
        LATENT: The latents below with the others on them.
    """
    from sd_nodes.diffusion.latents import faded
    from sd_nodes.imaging.pasting import paste

    below, left, top = samples_to["samples"], x // 8, y // 8
    above = samples_from["samples"][:, :, : max(0, below.shape[2] - top), : max(0, below.shape[3] - left)]
    if not above.numel():
        return samples_to
    mask = faded(above.shape[2:], below.shape[2:], left, top, feather // 8)
    return edited(samples_to, paste(below, above, left, top, mask, resize=False))


@node("Crop Latent", category="latent/transform", id="LatentCrop")
def latent_crop(
    samples: Latent,
    width: Annotated[int, Range(64, 16384, 8)] = 512,
    height: Annotated[int, Range(64, 16384, 8)] = 512,
    x: Place = 0,
    y: Place = 0,
) -> Latent:
    """Cut a rectangle out of latents; what lies beyond their border is left out.

    Args:
        samples: The latents.
        width: The width of the rectangle in pixels of the picture.
        height: Its height in pixels of the picture.
        x: Its left border; it begins 64 pixels before the right border of the picture at the latest.
        y: Its upper border; likewise.

    Returns:
        LATENT: The rectangle.
    """
    rows, columns = samples["samples"].shape[-2:]
    left, top = min(x // 8, max(0, columns - SMALLEST)), min(y // 8, max(0, rows - SMALLEST))
    return mapped(samples, lambda one: one[:, :, top : top + height // 8, left : left + width // 8])


@node("Rotate Latent", category="latent/transform", id="LatentRotate")
def latent_rotate(
    samples: Latent, rotation: Literal["none", "90 degrees", "180 degrees", "270 degrees"] = "none"
) -> Latent:
    """Turn latents clockwise.

    Args:
        samples: The latents.
        rotation: How far.

    Returns:
        LATENT: The turned latents.
    """
    quarters = ("none", "90 degrees", "180 degrees", "270 degrees").index(rotation)
    return mapped(samples, lambda one: one.rot90(quarters, (3, 2)))


@node("Flip Latent", category="latent/transform", id="LatentFlip")
def latent_flip(
    samples: Latent,
    flip_method: Literal["x-axis: vertically", "y-axis: horizontally"] = "x-axis: vertically",
) -> Latent:
    """Mirror latents.

    Args:
        samples: The latents.
        flip_method: `x-axis: vertically` turns them upside down, `y-axis: horizontally` swaps left and right.

    Returns:
        LATENT: The mirrored latents.
    """
    side = 2 if flip_method.startswith("x") else 3
    return mapped(samples, lambda one: one.flip(side))


@node("Latent Concat", category="latent/advanced", id="LatentConcat")
def latent_concat(samples1: Latent, samples2: Latent, dim: Literal["x", "-x", "y", "-y"] = "x") -> Latent:
    """Put latents beside or below others.

    Args:
        samples1: The first latents.
        samples2: The second latents; as many are taken as there are first ones.
        dim: `x` puts them to the right and `y` below; with a minus the other way.

    Returns:
        LATENT: Both together.
    """
    import torch

    from sd_nodes.imaging.pasting import fit_batch

    first = samples1["samples"]
    second = fit_batch(samples2["samples"], len(first))
    side = 3 if dim.endswith("x") else 2
    if first.shape[1] != second.shape[1] or first.shape[5 - side] != second.shape[5 - side]:
        found, needed = list(second.shape[1:]), list(first.shape[1:])
        raise NodeError(f"found latents of {found}; those that they are put beside are {needed}.", input="samples2")
    parts = (second, first) if dim.startswith("-") else (first, second)
    return edited(samples1, torch.cat(parts, dim=side))


@node("Latent Cut", category="latent/advanced", id="LatentCut")
def latent_cut(
    samples: Latent,
    dim: Literal["x", "y"] = "x",
    index: Annotated[int, Range(-16384, 16384, 1)] = 0,
    amount: Annotated[int, Range(1, 16384, 1)] = 1,
) -> Latent:
    """Cut a strip out of latents.

    Args:
        samples: The latents.
        dim: Whether columns (`x`) or rows are counted.
        index: The first latent pixel of the strip; below zero it is counted from the end.
        amount: How many it has, as far as there are so many.

    Returns:
        LATENT: The strip.
    """
    side = 3 if dim == "x" else 2
    length = samples["samples"].shape[side]
    first = min(index, length - 1) if index >= 0 else length + max(index, -length)
    return mapped(samples, lambda one: one.narrow(side, first, min(amount, length - first)))


def resized(samples: torch.Tensor, width: int, height: int, method: Method, crop: bool = False) -> torch.Tensor:
    """Scale latents, `[batch, channel, height, width]`, to a size in latent pixels."""
    from sd_nodes.diffusion.bislerp import bislerp
    from sd_nodes.resizing import centred, resize

    channels_last = Image(samples.movedim(1, -1))
    if method != "bislerp":
        return resize(channels_last, width, height, method, crop).movedim(-1, 1).contiguous()
    source = centred(channels_last, width / height) if crop else channels_last
    return bislerp(source.movedim(-1, 1), width, height)


def edited(latent: Latent, samples: torch.Tensor) -> Latent:
    """Return a latent with other samples: no longer what an autoencoder gave, so without its deviations."""
    changed: Latent = {**latent, "samples": samples}
    changed.pop("deviation", None)
    return changed


def mapped(latent: Latent, change: Callable[[torch.Tensor], torch.Tensor]) -> Latent:
    """Return a latent whose samples are moved in space or in the batch, and their deviations with them."""
    moved = edited(latent, change(latent["samples"]).contiguous())
    if "deviation" in latent:
        moved["deviation"] = change(latent["deviation"]).contiguous()
    return moved
