"""Draws a workflow the way node editors show it, as SVG or PNG."""

from .picture import picture
from .png import READABLE, png, scale_of
from .scene import Scene
from .svg import svg

__all__ = ["READABLE", "Scene", "picture", "png", "scale_of", "svg"]
