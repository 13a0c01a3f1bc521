"""Batches of pictures: joined, split, repeated, made of one colour."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import Range, node
from sd_nodes.types import Image

Side = Annotated[int, Range(1, 16384, 1)]
BatchSize = Annotated[int, Range(1, 4096)]
Colour = Annotated[int, Range(0, 0xFFFFFF, 1)]


@node("Empty Image", category="image", id="EmptyImage")
def empty_image(width: Side = 512, height: Side = 512, batch_size: BatchSize = 1, color: Colour = 0) -> Image:
    """Give pictures of one colour.

    Args:
        width: The width in pixels.
        height: The height in pixels.
        batch_size: How many pictures.
        color: The colour as one number: 65536 red + 256 green + blue, each 0..255.

    Returns:
        IMAGE: The pictures.
    """
    import torch

    channels = torch.tensor([(color >> shift & 0xFF) / 0xFF for shift in (16, 8, 0)])
    return Image(channels.expand(batch_size, height, width, 3).contiguous())


@node("Batch Images", category="image", id="ImageBatch")
def image_batch(image1: Image, image2: Image) -> Image:
    """Join two batches of pictures.

    Args:
        image1: The first pictures.
        image2: The pictures after them; scaled and cut to the size of the first ones.

    Returns:
        IMAGE: All of them.
    """
    import torch

    from sd_nodes.imaging.pasting import with_channels
    from sd_nodes.resizing import resize

    channels = max(image1.shape[-1], image2.shape[-1])
    first, second = (Image(with_channels(image, channels)) for image in (image1, image2))
    if first.shape[1:3] != second.shape[1:3]:
        second = resize(second, first.shape[2], first.shape[1], "bilinear", crop=True)
    return Image(torch.cat([first, second]))


@node("Rebatch Images", category="image/batch", id="RebatchImages")
def rebatch_images(images: list[Image], batch_size: BatchSize = 1) -> list[Image]:
    """Split or join batches of pictures into batches of another size.

    Args:
        images: Batches of pictures of one size.
        batch_size: How many pictures each new batch holds; the last one holds the rest.

    Returns:
        IMAGE: The new batches.
    """
    import torch

    each = [picture[None] for batch in images for picture in batch]
    return [Image(torch.cat(each[at : at + batch_size])) for at in range(0, len(each), batch_size)]


@node("Image From Batch", category="image/batch", id="ImageFromBatch")
def image_from_batch(image: Image, batch_index: Annotated[int, Range(0, 4095)] = 0, length: BatchSize = 1) -> Image:
    """Take pictures out of a batch.

    Args:
        image: The batch.
        batch_index: The first picture that is taken, counted from 0; the last one where there are fewer.
        length: How many are taken, as far as there are so many.

    Returns:
        IMAGE: The pictures.
    """
    first = min(batch_index, len(image) - 1)
    return Image(image[first : first + length])


@node("Repeat Image Batch", category="image/batch", id="RepeatImageBatch")
def repeat_image_batch(image: Image, amount: BatchSize = 1) -> Image:
    """Repeat a batch of pictures.

    Args:
        image: The batch.
        amount: How often it stands in the result.

    Returns:
        IMAGE: The repeated batch.
    """
    return Image(image.repeat(amount, 1, 1, 1))
