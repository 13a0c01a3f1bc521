"""Control pictures that keep much of the picture, and those that are loaded ready-made."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from graph_runtime import Folders, Range, Seed, node
from sd_nodes.images import PictureName, content
from sd_nodes.maps import (
    DepthMap,
    EdgeMap,
    InpaintMap,
    LineArtMap,
    LineMap,
    NormalMap,
    PoseMap,
    ScribbleMap,
    SegmentationMap,
    ShuffleMap,
    SoftEdgeMap,
    TileMap,
)
from sd_nodes.picture_files import find_picture
from sd_nodes.types import Image, Mask


class Loaded(NamedTuple):
    """A ready-made control picture: take it from the output that says what it is.

    Args:
        edges: White edges on black.
        depth: Near is white.
        soft_edges: Grey outlines on black.
        lines: White straight lines on black.
        normals: Red faces left, green up, blue the camera.
        pose: OpenPose's skeletons.
        scribble: White strokes on black.
        line_art: White lines on black.
        segmentation: Regions in ADE20K's colours.
        tile: A picture without its details.
        shuffle: A swirled picture.
    """

    edges: EdgeMap
    depth: DepthMap
    soft_edges: SoftEdgeMap
    lines: LineMap
    normals: NormalMap
    pose: PoseMap
    scribble: ScribbleMap
    line_art: LineArtMap
    segmentation: SegmentationMap
    tile: TileMap
    shuffle: ShuffleMap


@node("Load Control Map", category="control", resource="io", fingerprint=content, version=2)
def load_control_map(image: PictureName, invert: bool = False, *, folders: Folders) -> Loaded:
    """Load a control picture that was made elsewhere; each output gives it as another kind.

    Args:
        image: Its name in the input folder.
        invert: Whether black and white are exchanged: for lines drawn black on white, or depth where near is black.
    """
    from sd_nodes.decoding import decode

    picture = decode(find_picture(image, folders))[0][..., :3]
    found = Image(1 - picture if invert else picture)
    return Loaded(
        EdgeMap(found),
        DepthMap(found),
        SoftEdgeMap(found),
        LineMap(found),
        NormalMap(found),
        PoseMap(found),
        ScribbleMap(found),
        LineArtMap(found),
        SegmentationMap(found),
        TileMap(found),
        ShuffleMap(found),
    )


@node("Inpaint Map", category="control/inpaint")
def inpaint_map(image: Image, mask: Mask) -> InpaintMap:
    """Cut out of pictures what an inpainting ControlNet is to fill: masked pixels become -1.

    Give it pictures in the size that is drawn: scaling afterwards, and saving, turn the masked pixels black.

    Args:
        image: The picture.
        mask: What is over a half is filled; scaled to the size of the picture.

    Returns:
        inpaint: The picture with masked pixels at -1.
    """
    import torch

    from sd_nodes.imaging.masking import scaled
    from sd_nodes.imaging.pasting import fit_batch

    holes = fit_batch(scaled(mask, *image.shape[1:3])[:, 0].to(image), len(image)) > 0.5
    return InpaintMap(Image(torch.where(holes[..., None], -1.0, image[..., :3])))


@node("Tile Map", category="control/tile")
def tile_map(
    image: Image,
    shrink: Annotated[float, Range(1.0, 16.0, 0.1)] = 4.0,
    blur: Annotated[float, Range(0.0, 64.0, 0.5)] = 0.0,
) -> TileMap:
    """Take the details out of pictures, for a tile ControlNet to draw anew.

    Args:
        image: The picture.
        shrink: How many times smaller the picture is made before it gets its size again.
        blur: The deviation of a Gaussian that evens it then, in pixels.

    Returns:
        tile: The picture without its details, in its size.
    """
    from sd_nodes.imaging.filters import blur as blurred
    from sd_nodes.resizing import resize

    height, width = image.shape[1:3]
    small = resize(Image(image[..., :3]), max(1, round(width / shrink)), max(1, round(height / shrink)), "area")
    large = resize(small, width, height, "bicubic").clamp(0, 1)
    radius = max(1, round(3 * blur))
    return TileMap(Image(blurred(large, radius, blur / radius) if blur else large))


@node("Shuffle Map", category="control/shuffle")
def shuffle_map(image: Image, seed: Seed = 0, scale: Annotated[int, Range(8, 2048, 8)] = 256) -> ShuffleMap:
    """Swirl pictures until their colours are left and their shapes are not, for a shuffle ControlNet.

    Args:
        image: The picture.
        seed: Where the swirls come from; each picture of a batch has its own.
        scale: How large the swirls are, in pixels.

    Returns:
        shuffle: The swirled picture, in its size.
    """
    import numpy as np

    from sd_nodes.annotators.shuffling import shuffled
    from sd_nodes.arrays import image_of

    pictures = image[..., :3].float().cpu().numpy()
    return ShuffleMap(image_of(np.stack([shuffled(one, scale, seed + place) for place, one in enumerate(pictures)])))
