"""Makes scribbles of soft edges and of drawings."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.maps import ScribbleMap, SoftEdgeMap
from sd_nodes.types import Image

Width = Annotated[int, Range(1, 64, 1)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]


@node("Scribble From Soft Edges", category="control/scribble", version=2)
def scribble_from_soft_edges(
    soft_edges: SoftEdgeMap,
    threshold: Share = 0.3,
    width: Width = 5,
    gap: Annotated[int, Range(0, 64, 1)] = 8,
    shortest: Annotated[int, Range(0, 1024, 1)] = 32,
    *,
    progress: Progress = SILENT,
) -> ScribbleMap:
    """Follow the crests of soft edges with strokes of one width, as a hand would.

    Args:
        soft_edges: The soft edges.
        threshold: Crests that are nowhere lighter than this are left out.
        width: The width of the strokes in pixels.
        gap: Ends of strokes are joined with other strokes up to so far away, in pixels of a picture of 512.
        shortest: Shorter strokes are left out, in pixels of a picture of 512.

    Returns:
        scribble: White strokes on black.
    """
    import numpy as np

    from sd_nodes.annotators.thinning import drawn, sketched
    from sd_nodes.arrays import image_of

    grey = soft_edges[..., :3].mean(dim=-1).float().cpu().numpy()
    scale = min(grey.shape[1:]) / 512
    strokes = (sketched(one, threshold, gap * scale, shortest * scale) for one in progress.track(grey))
    return ScribbleMap(image_of(np.stack([drawn(one, width) for one in strokes])))


@node("Scribble From Drawing", category="control/scribble")
def scribble_from_drawing(
    image: Image,
    ink: Literal["auto", "dark", "light"] = "auto",
    threshold: Share = 0.5,
    width: Width = 3,
    *,
    progress: Progress = SILENT,
) -> ScribbleMap:
    """Draw the strokes of a drawing in one width: photographed pencil, ink, chalk, or a painted sketch.

    Args:
        image: The drawing.
        ink: Whether the strokes are darker or lighter than what they are drawn on; auto takes what covers less.
        threshold: How far from the ground, 0, to the ink, 1, a point must be to count as drawn.
        width: The width of the strokes in pixels.

    Returns:
        scribble: White strokes on black.
    """
    import numpy as np

    from sd_nodes.annotators.drawings import inked
    from sd_nodes.annotators.thinning import drawn, thinned
    from sd_nodes.arrays import image_of

    grey = image[..., :3].mean(dim=-1).float().cpu().numpy()
    return ScribbleMap(
        image_of(np.stack([drawn(thinned(inked(one, ink, threshold)), width) for one in progress.track(grey)]))
    )
