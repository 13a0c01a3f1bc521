"""Networks that enlarge pictures, built as the shapes of their weights tell."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sd_nodes.imaging.upscaling.compact import Compact
from sd_nodes.imaging.upscaling.esrgan import Esrgan
from sd_nodes.imaging.upscaling.span import Span

Upscaler: TypeAlias = Esrgan | Compact | Span


def upscaler_of(shapes: Mapping[str, Sequence[int]]) -> Upscaler:
    """Builds the network that weights of these shapes belong to, by the names that are its own."""
    if "conv_first.weight" in shapes:
        return Esrgan.of(shapes)
    return Span.of(shapes) if "conv_cat.weight" in shapes else Compact.of(shapes)
