"""Pictures and latents laid on others; pictures with an alpha channel, put together and taken apart."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from graph_runtime import Range, node
from sd_nodes.types import Image, Latent, Mask

Place = Annotated[int, Range(0, 16384, 1)]
LatentPlace = Annotated[int, Range(0, 16384, 8)]


class Split(NamedTuple):
    """A picture and its transparency.

    Args:
        IMAGE: The colours.
        MASK: 1 where the picture is transparent.
    """

    IMAGE: Image
    MASK: Mask


@node("Image Composite Masked", category="image", id="ImageCompositeMasked")
def image_composite_masked(
    destination: Image,
    source: Image,
    x: Place = 0,
    y: Place = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Image:
    """Lay pictures on others, through a mask where there is one.

    Args:
        destination: The pictures below.
        source: The pictures that are laid on them.
        x: Where their left border comes to lie, in pixels.
        y: Where their upper border comes to lie, in pixels.
        resize_source: Whether they are scaled to the size of those below first.
        mask: How much of them covers: 1 is all.

    Returns:
        IMAGE: The pictures below with the others on them.
    """
    from sd_nodes.imaging.pasting import paste, with_channels

    above = with_channels(source, destination.shape[-1]).movedim(-1, 1)
    pasted = paste(destination.movedim(-1, 1), above, x, y, mask, resize_source)
    return Image(pasted.movedim(1, -1).contiguous())


@node("Latent Composite Masked", category="latent", id="LatentCompositeMasked")
def latent_composite_masked(
    destination: Latent,
    source: Latent,
    x: LatentPlace = 0,
    y: LatentPlace = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Latent:
    """Lay latents on others, through a mask where there is one.

    Args:
        destination: The latents below.
        source: The latents that are laid on them.
        x: Where their left border comes to lie, in pixels of the picture.
        y: Where their upper border comes to lie, in pixels of the picture.
        resize_source: Whether they are scaled to the size of those below first.
        mask: How much of them covers: 1 is all.

    Returns:
        LATENT: The latents below with the others on them.
    """
    from sd_nodes.imaging.pasting import paste
    from sd_nodes.latent_edits import edited

    below, above = destination["samples"], source["samples"]
    return edited(destination, paste(below, above, x // 8, y // 8, mask, resize_source))


@node("Join Image with Alpha", category="mask/compositing", id="JoinImageWithAlpha", version=2)
def join_image_with_alpha(image: Image, alpha: Mask) -> Image:
    """Make pictures transparent where a mask is light.

    Args:
        image: The pictures.
        alpha: 1 where they become transparent; scaled to their size. Of pictures and masks as many are taken as there
            are of both.

    Returns:
        IMAGE: The pictures with an alpha channel.
    """
    import torch

    from sd_nodes.imaging.masking import scaled

    opacity = 1.0 - scaled(alpha, *image.shape[1:3]).movedim(1, -1)
    count = min(len(image), len(opacity))
    return Image(torch.cat([image[:count, ..., :3], opacity[:count].to(image)], dim=-1))


@node("Split Image with Alpha", category="mask/compositing", id="SplitImageWithAlpha")
def split_image_with_alpha(image: Image) -> Split:
    """Take pictures and their transparency apart.

    Args:
        image: The pictures, with an alpha channel or without.
    """
    import torch

    opacity = image[..., 3] if image.shape[-1] > 3 else torch.ones_like(image[..., 0])
    return Split(Image(image[..., :3]), Mask(1.0 - opacity))
