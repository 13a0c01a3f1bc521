"""Pictures turned, mirrored, scaled to their longer side, framed, put side by side, made noisy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import Range, Seed, node
from sd_nodes.types import Image

if TYPE_CHECKING:
    import torch

Side = Annotated[int, Range(1, 16384, 1)]
Colour = Literal["white", "black", "red", "green", "blue"]
COLOURS: dict[Colour, tuple[float, float, float]] = {
    "white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}  # fmt: skip


@node("Rotate Image", category="image/transform", id="ImageRotate")
def image_rotate(image: Image, rotation: Literal["none", "90 degrees", "180 degrees", "270 degrees"] = "none") -> Image:
    """Turn pictures clockwise.

    Args:
        image: The pictures.
        rotation: How far.

    Returns:
        IMAGE: The turned pictures.
    """
    quarters = ("none", "90 degrees", "180 degrees", "270 degrees").index(rotation)
    return Image(image.rot90(quarters, (2, 1)).contiguous())


@node("Flip Image", category="image/transform", id="ImageFlip")
def image_flip(
    image: Image,
    flip_method: Literal["x-axis: vertically", "y-axis: horizontally"] = "x-axis: vertically",
) -> Image:
    """Mirror pictures.

    Args:
        image: The pictures.
        flip_method: `x-axis: vertically` turns them upside down, `y-axis: horizontally` swaps left and right.

    Returns:
        IMAGE: The mirrored pictures.
    """
    return Image(image.flip(1 if flip_method.startswith("x") else 2))


@node("Scale Image to Max Dimension", category="image/upscaling", id="ImageScaleToMaxDimension")
def image_scale_to_max_dimension(
    image: Image,
    upscale_method: Literal["area", "lanczos", "bilinear", "nearest-exact", "bicubic"] = "area",
    largest_size: Annotated[int, Range(0, 16384, 1)] = 512,
) -> Image:
    """Scale pictures to a longer side; they keep their proportions.

    Args:
        image: The pictures.
        upscale_method: `lanczos` and `area` make a picture smaller without aliasing.
        largest_size: The longer side in pixels.

    Returns:
        IMAGE: The scaled pictures.
    """
    from sd_nodes.resizing import resize

    longer = max(image.shape[1:3])
    height, width = (max(1, round(side / longer * largest_size)) for side in image.shape[1:3])
    return resize(image, width, height, upscale_method)


@node("Resize and Pad Image", category="image/transform", id="ResizeAndPadImage")
def resize_and_pad_image(
    image: Image,
    target_width: Side = 512,
    target_height: Side = 512,
    padding_color: Literal["white", "black"] = "white",
    interpolation: Literal["area", "bicubic", "nearest-exact", "bilinear", "lanczos"] = "area",
) -> Image:
    """Scale pictures into a frame as large as they fit, and fill the rest of it.

    Args:
        image: The pictures.
        target_width: The width of the frame in pixels.
        target_height: Its height.
        padding_color: What it is filled with.
        interpolation: How they are scaled.

    Returns:
        IMAGE: The framed pictures.
    """
    import torch

    from sd_nodes.resizing import resize

    factor = min(target_width / image.shape[2], target_height / image.shape[1])
    height, width = (max(1, int(side * factor)) for side in image.shape[1:3])
    left, top = (target_width - width) // 2, (target_height - height) // 2
    framed = torch.full((len(image), target_height, target_width, image.shape[3]), float(padding_color == "white"))
    framed[:, top : top + height, left : left + width] = resize(image, width, height, interpolation)
    return Image(framed)


@node("Image Stitch", category="image/transform", id="ImageStitch")
def image_stitch(
    image1: Image,
    direction: Literal["right", "down", "left", "up"] = "right",
    match_image_size: bool = True,
    spacing_width: Annotated[int, Range(0, 1024, 2)] = 0,
    spacing_color: Colour = "white",
    image2: Image | None = None,
) -> Image:
    """Put pictures beside or below others.

    Args:
        image1: The first pictures.
        direction: Where the second ones come to lie.
        match_image_size: Whether the second ones are scaled to the height or width of the first; otherwise the smaller
            ones stand in the middle.
        spacing_width: How far they are apart in pixels; an odd number is taken one larger.
        spacing_color: What lies between them.
        image2: The second pictures; without them the first stay as they are.

    Returns:
        IMAGE: Both together.
    """
    import torch

    from sd_nodes.imaging.pasting import with_channels

    if image2 is None:
        return image1
    count, across = max(len(image1), len(image2)), direction in ("left", "right")
    first, second = (_lengthened(one, count) for one in (image1, image2))
    side = 1 if across else 2
    if match_image_size:
        second = _matched(second, first, across)
    else:
        longer, shade = max(first.shape[side], second.shape[side]), float(spacing_color == "white")
        first, second = (_centred(one, side, longer, shade) for one in (first, second))
    channels = max(first.shape[-1], second.shape[-1])
    parts = [with_channels(one, channels) for one in (first, second)]
    if spacing_width:
        shape = list(parts[0].shape)
        shape[3 - side] = spacing_width + spacing_width % 2
        colour = torch.tensor((*COLOURS[spacing_color], 1.0)[:channels])
        parts.insert(1, colour.expand(shape))
    return Image(torch.cat(parts if direction in ("right", "down") else parts[::-1], dim=3 - side))


@node("Add Noise to Image", category="image", id="ImageAddNoise")
def image_add_noise(image: Image, seed: Seed = 0, strength: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.5) -> Image:
    """Add noise to pictures.

    Args:
        image: The pictures.
        seed: Where the noise comes from.
        strength: Its deviation.

    Returns:
        IMAGE: The noisy pictures.
    """
    import torch

    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return Image((image + strength * noise.to(image)).clamp(0, 1))


def _lengthened(image: torch.Tensor, count: int) -> torch.Tensor:
    """Bring a batch to a number of pictures: the last one is repeated."""
    return image[[min(place, len(image) - 1) for place in range(count)]]


def _matched(second: torch.Tensor, first: torch.Tensor, across: bool) -> torch.Tensor:
    """Scale pictures to the height of others, or to their width; they keep their proportions."""
    from sd_nodes.resizing import resize

    proportion = second.shape[2] / second.shape[1]
    height, width = first.shape[1:3]
    size = (int(height * proportion), height) if across else (width, int(width / proportion))
    return resize(Image(second), max(1, size[0]), max(1, size[1]), "lanczos")


def _centred(image: torch.Tensor, side: int, length: int, shade: float) -> torch.Tensor:
    """Frame pictures on two sides, so that they have a length; what is odd goes to the end."""
    from torch.nn.functional import pad

    missing = length - image.shape[side]
    before, after = missing // 2, missing - missing // 2
    edges = (0, 0, 0, 0, before, after) if side == 1 else (0, 0, before, after, 0, 0)
    return pad(image, edges, value=shade)
