"""Pictures changed pixel by pixel and neighbourhood by neighbourhood: inverted, blended, blurred, sharpened, traced."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.maps import EdgeMap
from sd_nodes.refusals import demand_thresholds
from sd_nodes.types import Image

Radius = Annotated[int, Range(1, 31, 1)]
Threshold = Annotated[float, Range(0.01, 0.99, 0.01)]


@node("Invert Image", category="image", id="ImageInvert")
def image_invert(image: Image) -> Image:
    """Turn light into dark and colours into their opposites.

    Args:
        image: The pictures.

    Returns:
        IMAGE: The inverted pictures.
    """
    return Image(1.0 - image)


@node("Image Blend", category="image/postprocessing", id="ImageBlend")
def image_blend(
    image1: Image,
    image2: Image,
    blend_factor: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.5,
    blend_mode: Literal["normal", "multiply", "screen", "overlay", "soft_light", "difference"] = "normal",
) -> Image:
    """Blend pictures with others that are laid over them.

    Args:
        image1: The pictures below.
        image2: The pictures above; scaled and cut to the size of those below.
        blend_factor: How much of the blend is taken: 0 leaves the pictures below.
        blend_mode: How they are blended.

    Returns:
        IMAGE: The blended pictures.
    """
    from sd_nodes.imaging.blending import blend
    from sd_nodes.imaging.pasting import fit_batch, with_channels
    from sd_nodes.resizing import resize

    above = Image(with_channels(image2, image1.shape[-1]))
    if above.shape[1:3] != image1.shape[1:3]:
        above = resize(above, image1.shape[2], image1.shape[1], "bicubic", crop=True)
    count = max(len(image1), len(above))
    return Image(blend(fit_batch(image1, count), fit_batch(above, count), blend_factor, blend_mode))


@node("Image Blur", category="image/postprocessing", id="ImageBlur")
def image_blur(image: Image, blur_radius: Radius = 1, sigma: Annotated[float, Range(0.1, 10.0, 0.1)] = 1.0) -> Image:
    """Blur pictures with a Gaussian.

    Args:
        image: The pictures.
        blur_radius: How far the blur reaches, in pixels.
        sigma: The deviation of the Gaussian, where 1 is the radius.

    Returns:
        IMAGE: The blurred pictures.
    """
    from sd_nodes.imaging.filters import blur

    return Image(blur(image, blur_radius, sigma))


@node("Image Sharpen", category="image/postprocessing", id="ImageSharpen")
def image_sharpen(
    image: Image,
    sharpen_radius: Radius = 1,
    sigma: Annotated[float, Range(0.1, 10.0, 0.01)] = 1.0,
    alpha: Annotated[float, Range(0.0, 5.0, 0.01)] = 1.0,
) -> Image:
    """Sharpen pictures by what a blur takes away from them.

    Args:
        image: The pictures.
        sharpen_radius: How far the blur reaches, in pixels.
        sigma: The deviation of the blur, where 1 is the radius.
        alpha: How strongly they are sharpened.

    Returns:
        IMAGE: The sharpened pictures.
    """
    from sd_nodes.imaging.filters import sharpen

    return Image(sharpen(image, sharpen_radius, sigma, alpha))


@node("Image Quantize", category="image/postprocessing", id="ImageQuantize")
def image_quantize(
    image: Image,
    colors: Annotated[int, Range(1, 256, 1)] = 256,
    dither: Literal["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"] = "none",
) -> Image:
    """Draw pictures in few colours.

    Args:
        image: The pictures.
        colors: How many colours each picture gets.
        dither: How tones between them are shown.

    Returns:
        IMAGE: The pictures in few colours.
    """
    from sd_nodes.imaging.quantizing import quantize

    return Image(quantize(image, colors, dither))


@node("Canny", category="image/preprocessors", id="Canny")
def canny(image: Image, low_threshold: Threshold = 0.4, high_threshold: Threshold = 0.8) -> EdgeMap:
    """Trace the edges of pictures with the Canny detector, with thresholds on the gradient of grey values 0..1.

    Args:
        image: The pictures.
        low_threshold: A gradient over this is an edge where it continues one.
        high_threshold: A gradient over this is always an edge.

    Returns:
        IMAGE: White edges on black.
    """
    from sd_nodes.imaging.canny import canny as traced

    demand_thresholds(low_threshold, high_threshold)
    edges = traced(image[..., :3], low_threshold, high_threshold)
    return EdgeMap(Image(edges[..., None].repeat(1, 1, 1, 3)))
