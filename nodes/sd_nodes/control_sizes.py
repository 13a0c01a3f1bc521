"""Pictures and control maps brought to the sizes that detectors and samplers take."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from graph_runtime import Range, node
from sd_nodes.images import Method
from sd_nodes.types import Image

Side = Annotated[int, Range(8, 16384, 8)]
Multiple = Literal[8, 16, 32, 64]


class Fitted(NamedTuple):
    """A picture in a size that can be drawn.

    Args:
        image: The picture.
        width: Its width in pixels.
        height: Its height in pixels.
    """

    image: Image
    width: int
    height: int


@node("Scale To Resolution", category="control")
def scale_to_resolution(
    image: Image, resolution: Side = 512, multiple: Multiple = 64, method: Method = "lanczos"
) -> Fitted:
    """Scale pictures so that their shorter side has a resolution and both sides are multiples, nearly in proportion.

    Args:
        image: The pictures, before or after a detector.
        resolution: The shorter side in pixels.
        multiple: What both sides are rounded to: latents need 8, and some ControlNets were trained on multiples of 64.
        method: How they are scaled; `nearest-exact` keeps the colours of maps whose colours have a meaning.
    """
    from sd_nodes.annotators.detection import detection_size
    from sd_nodes.resizing import resize

    tall, wide = image.shape[1:3]
    height, width = detection_size(tall, wide, resolution, multiple)
    return Fitted(resize(image, width, height, method), width, height)


@node("Fit To Size", category="control")
def fit_to_size(
    image: Image,
    width: Side = 512,
    height: Side = 512,
    mode: Literal["resize", "crop and resize", "resize and fill"] = "crop and resize",
    method: Method = "lanczos",
) -> Image:
    """Bring pictures or control maps to a size.

    For a map that is exact to the pixel, bring the picture to the size of the latents first, and let the detector see
    it at a resolution of 0, its own.

    Args:
        image: The pictures.
        width: The new width in pixels.
        height: The new height in pixels.
        mode: `resize` stretches; `crop and resize` cuts off what is over; `resize and fill` keeps all and repeats the
            border pixels where the picture does not reach.
        method: How they are scaled; `nearest-exact` keeps the colours of maps whose colours have a meaning.

    Returns:
        image: The pictures in the new size.
    """
    from torch.nn.functional import pad

    from sd_nodes.resizing import resize

    if mode != "resize and fill":
        return resize(image, width, height, method, crop=mode == "crop and resize")
    tall, wide = image.shape[1:3]
    factor = min(width / wide, height / tall)
    inner = (max(1, round(wide * factor)), max(1, round(tall * factor)))
    scaled = resize(image, *inner, method).movedim(-1, 1)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    frame = (left, width - inner[0] - left, top, height - inner[1] - top)
    return Image(pad(scaled, frame, "replicate").movedim(1, -1).contiguous())
