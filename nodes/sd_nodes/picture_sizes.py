"""Pictures in other sizes: scaled by a factor or to an area, cut, framed to be painted on."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from graph_runtime import Range, node
from sd_nodes.images import Method
from sd_nodes.types import Image, Mask

Pixels = Annotated[int, Range(1, 16384, 1)]
Place = Annotated[int, Range(0, 16384, 1)]
Border = Annotated[int, Range(0, 16384, 8)]


class Outpainting(NamedTuple):
    """A framed picture.

    Args:
        IMAGE: The picture in a grey frame.
        MASK: 1 on the frame, falling off into the picture.
    """

    IMAGE: Image
    MASK: Mask


class Size(NamedTuple):
    """The size of pictures.

    Args:
        width: In pixels.
        height: In pixels.
        batch_size: How many pictures there are.
    """

    width: int
    height: int
    batch_size: int


@node("Scale Image By", category="image/upscaling", id="ImageScaleBy")
def image_scale_by(
    image: Image,
    upscale_method: Method = "nearest-exact",
    scale_by: Annotated[float, Range(0.01, 8.0, 0.01)] = 1.0,
) -> Image:
    """Scale pictures by a factor.

    Args:
        image: The pictures.
        upscale_method: `lanczos` and `area` make a picture smaller without aliasing.
        scale_by: The factor for both sides.

    Returns:
        IMAGE: The scaled pictures.
    """
    return _scaled(image, upscale_method, scale_by)


@node("Scale Image To Total Pixels", category="image/upscaling", id="ImageScaleToTotalPixels")
def image_scale_to_total_pixels(
    image: Image,
    upscale_method: Method = "nearest-exact",
    megapixels: Annotated[float, Range(0.01, 16.0, 0.01)] = 1.0,
) -> Image:
    """Scale pictures to a number of pixels; they keep their proportions.

    Args:
        image: The pictures.
        upscale_method: `lanczos` and `area` make a picture smaller without aliasing.
        megapixels: The area, in units of 1024 x 1024 pixels.

    Returns:
        IMAGE: The scaled pictures.
    """
    pixels = int(megapixels * 1024 * 1024)
    return _scaled(image, upscale_method, math.sqrt(pixels / (image.shape[1] * image.shape[2])))


@node("Image Crop", category="image/transform", id="ImageCrop")
def image_crop(image: Image, width: Pixels = 512, height: Pixels = 512, x: Place = 0, y: Place = 0) -> Image:
    """Cut a rectangle out of pictures; what lies beyond their border is left out.

    Args:
        image: The pictures.
        width: The width of the rectangle in pixels.
        height: Its height in pixels.
        x: Its left border.
        y: Its upper border.

    Returns:
        IMAGE: The rectangle.
    """
    left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return Image(image[:, top : top + height, left : left + width])


@node("Pad Image for Outpainting", category="image", id="ImagePadForOutpaint")
def image_pad_for_outpaint(
    image: Image,
    left: Border = 0,
    top: Border = 0,
    right: Border = 0,
    bottom: Border = 0,
    feathering: Annotated[int, Range(0, 16384, 1)] = 40,
) -> Outpainting:
    """Put a grey frame around pictures, and mask what is to be painted.

    Args:
        image: The pictures.
        left: The width of the frame on the left in pixels.
        top: Its height at the top.
        right: Its width on the right.
        bottom: Its height at the bottom.
        feathering: How far the mask reaches into the picture, in pixels.
    """
    from sd_nodes.imaging.pasting import outpaint

    framed, mask = outpaint(image, left, top, right, bottom, feathering)
    return Outpainting(Image(framed), Mask(mask))


@node("Get Image Size", category="image", id="GetImageSize")
def get_image_size(image: Image) -> Size:
    """Tell the size of pictures.

    Args:
        image: The pictures.
    """
    batch, height, width = image.shape[:3]
    return Size(width, height, batch)


def _scaled(image: Image, method: Method, factor: float) -> Image:
    from sd_nodes.resizing import resize

    height, width = (max(1, round(side * factor)) for side in image.shape[1:3])
    return resize(image, width, height, method)
