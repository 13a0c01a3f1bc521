"""Draws pictures as line art."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.maps import LineArtMap
from sd_nodes.soft_edges import Resolution
from sd_nodes.types import Image

if TYPE_CHECKING:
    from torch import Tensor


@node("Line Art", category="control/lines", version=2)
def line_art(
    image: Image,
    resolution: Resolution = 512,
    width: Annotated[float, Range(0.3, 8.0, 0.1)] = 1.0,
    threshold: Annotated[float, Range(0.0, 0.9, 0.01)] = 0.2,
    shortest: Annotated[int, Range(0, 1024, 1)] = 40,
    *,
    progress: Progress = SILENT,
) -> LineArtMap:
    """Draw the dark side of edges in ink, without a network, by a difference of Gaussians.

    Args:
        image: The picture.
        resolution: The shorter side at which it is drawn, in pixels; 0 is the picture's own.
        width: The width of the lines: the deviation of a Gaussian, in pixels.
        threshold: Lines that are fainter than this are left out.
        shortest: Lines that cover fewer pixels are left out, in pixels of a picture of 512: crumbs of fur and grain.

    Returns:
        line_art: White lines on black, the negative of a drawing.
    """
    import torch

    from sd_nodes.annotators.detection import at_resolution
    from sd_nodes.annotators.line_art import line_art as drawn

    def seen(picture: Tensor) -> Tensor:
        least = shortest * min(picture.shape[1:3]) / 512
        return torch.from_numpy(drawn(picture[0].numpy(), width, threshold, least))[None]

    found = torch.cat([at_resolution(Image(one[None].cpu()), resolution, seen) for one in progress.track(image)])
    return LineArtMap(Image(found[..., None].repeat(1, 1, 1, 3)))
