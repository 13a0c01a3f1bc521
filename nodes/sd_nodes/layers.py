"""Pictures joined by their transparency, or changed by what lies around each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from graph_runtime import NodeError, Range, node
from sd_nodes.imaging.modes import Operation, PorterDuff
from sd_nodes.types import Image, Mask

if TYPE_CHECKING:
    import torch


class Layer(NamedTuple):
    """Pictures and their transparency.

    Args:
        IMAGE: The pictures.
        MASK: 1 where they are transparent.
    """

    IMAGE: Image
    MASK: Mask


@node("Porter-Duff Image Composite", category="mask/compositing", id="PorterDuffImageComposite")
def porter_duff_image_composite(
    source: Image, source_alpha: Mask, destination: Image, destination_alpha: Mask, mode: PorterDuff = "DST"
) -> Layer:
    """Lay transparent pictures over others; as many as there are of all four.

    Args:
        source: The pictures above; scaled and cut to the size of those below.
        source_alpha: 1 where they are transparent; likewise.
        destination: The pictures below.
        destination_alpha: 1 where they are transparent; scaled and cut to their size.
        mode: How they are joined.
    """
    from sd_nodes.imaging.masking import layers
    from sd_nodes.imaging.porter_duff import composite

    if source.shape[-1] != destination.shape[-1]:
        found, needed = source.shape[-1], destination.shape[-1]
        raise NodeError(f"found pictures of {found} channels, needs {needed} as those below have.", input="source")
    count = min(map(len, (source, source_alpha, destination, destination_alpha)))
    above, clear, under = source, layers(source_alpha)[..., None], layers(destination_alpha)[..., None]
    size = destination.shape[1:3]
    parts = [_fitted(one[:count], size) for one in (above, clear, under)]
    colours, alpha = composite(parts[0], 1 - parts[1], destination[:count], 1 - parts[2], mode)
    return Layer(Image(colours), Mask(1 - alpha[..., 0]))


@node("Image Morphology", category="image/postprocessing", id="Morphology")
def morphology(
    image: Image, operation: Operation = "erode", kernel_size: Annotated[int, Range(3, 999, 1)] = 3
) -> Image:
    """Change pictures by the lightest and the darkest around each pixel.

    Args:
        image: The pictures.
        operation: `erode` takes the darkest and `dilate` the lightest; `open` and `close` do one after the other;
            `gradient` is the difference of both; the hats are what opening and closing change.
        kernel_size: The side of the square around each pixel.

    Returns:
        IMAGE: The changed pictures.
    """
    from sd_nodes.imaging.morphology import changed

    return Image(changed(image.movedim(-1, 1), operation, kernel_size).movedim(1, -1).contiguous())


def _fitted(items: torch.Tensor, size: torch.Size) -> torch.Tensor:
    from sd_nodes.resizing import resize

    if items.shape[1:3] == size:
        return items
    return resize(Image(items), size[1], size[0], "bicubic", crop=True)
