"""Masks: loaded, drawn, changed, combined, turned into pictures and back."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import SILENT, Folders, NodeError, Progress, Range, Shown, node
from sd_nodes.images import PictureName, content, preview_image
from sd_nodes.picture_files import find_picture
from sd_nodes.types import Image, Mask

Place = Annotated[int, Range(0, 16384, 1)]
Side = Annotated[int, Range(1, 16384, 1)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Channel = Literal["red", "green", "blue", "alpha"]


@node("Load Image (as Mask)", category="mask", id="LoadImageMask", resource="io", fingerprint=content, version=2)
def load_image_mask(
    image: PictureName, channel: Literal["alpha", "red", "green", "blue"] = "alpha", *, folders: Folders
) -> Mask:
    """Load one channel of a picture from the input folder as a mask.

    Args:
        image: Its name in the input folder.
        channel: A colour gives its brightness; alpha gives 1 where the picture is transparent.

    Returns:
        MASK: The mask.
    """
    from sd_nodes.decoding import decode_channel

    return decode_channel(find_picture(image, folders), channel)


@node("Solid Mask", category="mask", id="SolidMask")
def solid_mask(value: Share = 1.0, width: Side = 512, height: Side = 512) -> Mask:
    """Give a mask of one value.

    Args:
        value: The value, 0..1.
        width: The width in pixels.
        height: The height in pixels.

    Returns:
        MASK: The mask.
    """
    import torch

    return Mask(torch.full((1, height, width), value))


@node("Invert Mask", category="mask", id="InvertMask")
def invert_mask(mask: Mask) -> Mask:
    """Mask what was not masked.

    Args:
        mask: The mask.

    Returns:
        MASK: The inverted mask.
    """
    return Mask(1.0 - mask)


@node("Crop Mask", category="mask", id="CropMask")
def crop_mask(mask: Mask, x: Place = 0, y: Place = 0, width: Side = 512, height: Side = 512) -> Mask:
    """Cut a rectangle out of a mask; what lies beyond its border is left out.

    Args:
        mask: The mask.
        x: The left border of the rectangle in pixels.
        y: Its upper border.
        width: Its width.
        height: Its height.

    Returns:
        MASK: The rectangle.
    """
    from sd_nodes.imaging.masking import layers

    whole = layers(mask)
    rows, columns = whole.shape[1:]
    if x >= columns or y >= rows:
        place = ("x", x) if x >= columns else ("y", y)
        raise NodeError(f"found {place[0]} {place[1]}; the mask is {columns} x {rows} pixels.", input=place[0])
    return Mask(whole[:, y : y + height, x : x + width])


@node("Combine Masks", category="mask", id="MaskComposite")
def mask_composite(
    destination: Mask,
    source: Mask,
    x: Place = 0,
    y: Place = 0,
    operation: Literal["multiply", "add", "subtract", "and", "or", "xor"] = "multiply",
) -> Mask:
    """Combine a mask with another that is laid on it.

    Args:
        destination: The mask below.
        source: The mask that is laid on it.
        x: Where its left border comes to lie, in pixels.
        y: Where its upper border comes to lie, in pixels.
        operation: How they are combined; `and`, `or` and `xor` round both masks first.

    Returns:
        MASK: The mask below, changed where the other lies.
    """
    from sd_nodes.imaging.masking import combine, layers
    from sd_nodes.imaging.pasting import fit_batch

    below, above = layers(destination), layers(source)
    count = max(len(below), len(above))
    return Mask(combine(fit_batch(below, count), fit_batch(above, count), x, y, operation))


@node("Feather Mask", category="mask", id="FeatherMask")
def feather_mask(mask: Mask, left: Place = 0, top: Place = 0, right: Place = 0, bottom: Place = 0) -> Mask:
    """Let a mask rise from its borders.

    Args:
        mask: The mask.
        left: Over how many pixels it rises from the left border.
        top: The same from the upper border.
        right: The same from the right border.
        bottom: The same from the lower border.

    Returns:
        MASK: The feathered mask.
    """
    from sd_nodes.imaging.masking import feather, layers

    return Mask(feather(layers(mask), left, top, right, bottom))


@node("Grow Mask", category="mask", id="GrowMask")
def grow_mask(mask: Mask, expand: Annotated[int, Range(-16384, 16384, 1)] = 0, tapered_corners: bool = True) -> Mask:
    """Grow the masked parts, or shrink them.

    Args:
        mask: The mask.
        expand: By how many pixels; below zero they shrink.
        tapered_corners: Whether corners are cut off instead of staying square.

    Returns:
        MASK: The changed mask.
    """
    from sd_nodes.imaging.masking import grow, layers

    return Mask(grow(layers(mask), expand, tapered_corners))


@node("Threshold Mask", category="mask", id="ThresholdMask")
def threshold_mask(mask: Mask, value: Share = 0.5) -> Mask:
    """Mask wholly what is masked more than a value, and nothing else.

    Args:
        mask: The mask.
        value: The value, 0..1.

    Returns:
        MASK: 0 or 1 at each place.
    """
    return Mask((mask > value).float())


@node("Convert Mask to Image", category="mask", id="MaskToImage")
def mask_to_image(mask: Mask) -> Image:
    """Draw a mask in grey.

    Args:
        mask: The mask.

    Returns:
        IMAGE: White where it is 1.
    """
    from sd_nodes.imaging.masking import layers

    return Image(layers(mask)[..., None].repeat(1, 1, 1, 3))


@node("Convert Image to Mask", category="mask", id="ImageToMask")
def image_to_mask(image: Image, channel: Channel = "red") -> Mask:
    """Take one channel of pictures as a mask.

    Args:
        image: The pictures.
        channel: The channel.

    Returns:
        MASK: Its brightness.
    """
    place = ("red", "green", "blue", "alpha").index(channel)
    if place >= image.shape[-1]:
        raise NodeError(f"the picture has {image.shape[-1]} channels and no {channel}.", input="channel")
    return Mask(image[..., place])


@node("Image Color To Mask", category="mask", id="ImageColorToMask")
def image_color_to_mask(image: Image, color: Annotated[int, Range(0, 0xFFFFFF, 1)] = 0) -> Mask:
    """Mask what has one colour.

    Args:
        image: The pictures; they are looked at in 8 bits a channel.
        color: The colour as one number: 65536 red + 256 green + blue, each 0..255.

    Returns:
        MASK: 1 where the picture has the colour.
    """
    import torch

    wanted = torch.tensor([color >> shift & 0xFF for shift in (16, 8, 0)]).to(image)
    return Mask(((image[..., :3].clamp(0, 1) * 255).round() == wanted).all(-1).float())


@node("Preview Mask", category="mask", id="MaskPreview", resource="io")
def mask_preview(mask: Mask, *, folders: Folders, progress: Progress = SILENT) -> Shown[None]:
    """Show a mask in grey without keeping it.

    Args:
        mask: The mask.
    """
    return preview_image(mask_to_image(mask), folders=folders, progress=progress)
