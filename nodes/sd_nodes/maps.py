"""The pictures that steer ControlNets, each kind a type of its own: they flow into `Image`, and not back."""

from __future__ import annotations

from typing import NewType

from sd_nodes.types import Image

EdgeMap = NewType("EdgeMap", Image)
"""White edges on black."""

DepthMap = NewType("DepthMap", Image)
"""Depth in grey: near is white."""

SoftEdgeMap = NewType("SoftEdgeMap", Image)
"""How likely each point lies on an outline, in grey: certain is white."""

LineMap = NewType("LineMap", Image)
"""White straight lines on black."""

NormalMap = NewType("NormalMap", Image)
"""Which way surfaces face: red to the left, green up, blue to the camera; 0.5 is neither way."""

PoseMap = NewType("PoseMap", Image)
"""People as OpenPose's coloured skeletons on black."""

ScribbleMap = NewType("ScribbleMap", Image)
"""White strokes of one width on black, as drawn by hand."""

LineArtMap = NewType("LineArtMap", Image)
"""White lines on black with their shades, as a drawing in ink turned to its negative."""

SegmentationMap = NewType("SegmentationMap", Image)
"""Regions, each in one colour."""

InpaintMap = NewType("InpaintMap", Image)
"""A picture whose masked pixels are -1."""

TileMap = NewType("TileMap", Image)
"""A picture that has lost its details."""

ShuffleMap = NewType("ShuffleMap", Image)
"""A picture whose colours are kept and whose shapes are swirled away."""

SUITABLE: dict[object, tuple[str, ...]] = {
    EdgeMap: ("canny", "softedge", "lineart", "scribble"),
    DepthMap: ("depth",),
    SoftEdgeMap: ("softedge",),
    LineMap: ("lines",),
    NormalMap: ("normal",),
    PoseMap: ("pose",),
    ScribbleMap: ("scribble",),
    LineArtMap: ("lineart", "scribble"),
    SegmentationMap: ("segmentation",),
    InpaintMap: ("inpaint",),
    TileMap: ("tile",),
    ShuffleMap: ("shuffle",),
}
"""The kinds of ControlNet that each kind of control picture is for."""
