"""Parts pictures into regions."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import SILENT, Choices, Folders, Progress, Range, node
from sd_nodes.maps import SegmentationMap
from sd_nodes.segmentation_models import SHELF, segmentation_digest, segmentation_names
from sd_nodes.soft_edges import Resolution
from sd_nodes.types import Image

SegmentationName = Annotated[str, Choices(segmentation_names, open=True)]


@node("Segmentation", category="control/segmentation", resource="gpu", fingerprint=segmentation_digest)
def segmentation(
    image: Image, model: SegmentationName, *, folders: Folders, progress: Progress = SILENT
) -> SegmentationMap:
    """Draw what each point of a picture belongs to, in the colours of ADE20K's 150 classes.

    Args:
        image: The picture.
        model: A semantic segmentation model of transformers that was trained on ADE20K (SegFormer, UperNet, BEiT, DPT,
            Mask2Former, MaskFormer), by its folder or hub id.

    Returns:
        segmentation: Each point in the colour of its class, in the size of the picture.
    """
    import numpy as np

    from sd_nodes.annotators.semantic import segmented
    from sd_nodes.arrays import bytes_of, image_of
    from sd_nodes.transformers_folders import folder_of

    folder, digest = folder_of(model, SHELF, folders), segmentation_digest(model, folders)
    pictures = progress.track(bytes_of(image))
    return SegmentationMap(image_of(np.stack([segmented(one, folder, digest) for one in pictures])))


@node("Colour Regions", category="control/segmentation", version=2)
def colour_regions(
    image: Image,
    colors: Annotated[int, Range(2, 256, 1)] = 12,
    reach: Annotated[float, Range(1.0, 64.0, 1.0)] = 12.0,
    likeness: Annotated[float, Range(1.0, 128.0, 1.0)] = 24.0,
    smallest: Annotated[float, Range(0.0, 0.5, 0.001)] = 0.003,
    palette: Literal["picture", "ade20k"] = "picture",
    resolution: Resolution = 512,
    *,
    progress: Progress = SILENT,
) -> SegmentationMap:
    """Part pictures into regions of like colour, without a network: it sees colours and knows no things.

    A ControlNet that knows ADE20K's classes follows the outlines of the regions, and takes each for whatever class has
    the nearest colour: neither palette makes the colours tell what is there.

    Args:
        image: The picture.
        colors: How many colours the map has at most.
        reach: How far around a point colours are evened, in pixels at the resolution.
        likeness: How different colours are evened, of 0 to 255.
        smallest: Smaller regions go to those around them; a part of the picture's area.
        palette: The picture's own colours, or of ADE20K's the ones that are nearest to them.
        resolution: The shorter side at which the picture is looked at, in pixels; 0 is its own.

    Returns:
        regions: Each region in one colour, in the size of the picture.
    """
    import numpy as np

    from sd_nodes.annotators.colour_regions import as_classes
    from sd_nodes.annotators.colour_regions import colour_regions as parted
    from sd_nodes.arrays import bytes_of, image_of

    pictures = progress.track(bytes_of(image))
    found = (parted(one, resolution, colors, reach, likeness, smallest) for one in pictures)
    drawn = [(as_classes(colours) if palette == "ade20k" else colours)[labels] for labels, colours in found]
    return SegmentationMap(image_of(np.stack(drawn)))
