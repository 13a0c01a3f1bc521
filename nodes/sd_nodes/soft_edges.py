"""Finds the soft edges of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, Folders, Progress, Range, node
from sd_nodes.assets import HED, digest_once_fetched, locate_asset
from sd_nodes.maps import SoftEdgeMap
from sd_nodes.types import Image

if TYPE_CHECKING:
    from torch import Tensor

Resolution = Annotated[int, Range(0, 2048, 8)]

STEPS = 2
"""How many shades above black a safe map has."""

hed_digest = digest_once_fetched(HED)


@node("Soft Edges", category="control/edges", resource="gpu", fingerprint=hed_digest)
def soft_edges(
    image: Image, resolution: Resolution = 512, safe: bool = False, *, folders: Folders, progress: Progress = SILENT
) -> SoftEdgeMap:
    """Find the outlines of things by the network HED (arXiv:1504.06375); fetch it once: `controlgraph fetch hed`.

    Args:
        image: The picture.
        resolution: The shorter side at which the network sees it, in pixels; a small one finds the large outlines
            only. 0 is the picture's own.
        safe: Whether the shades are rounded to black, grey and white, so that nothing of the picture hides in them.

    Returns:
        soft_edges: Grey, a certain outline is white, in the size of the picture.
    """
    import torch

    from sd_nodes.annotators.detection import at_resolution
    from sd_nodes.annotators.hed import soft_edges as detect

    (path,) = locate_asset(HED, folders)

    def seen(picture: Tensor) -> Tensor:
        return detect(picture, path)

    found = torch.cat([at_resolution(Image(one[None]), resolution, seen) for one in progress.track(image)])
    shades = (found * (STEPS + 1)).floor().clamp(max=STEPS) / STEPS if safe else found
    return SoftEdgeMap(Image(shades[..., None].repeat(1, 1, 1, 3)))
