"""Prompts for SDXL: one text for each of its text encoders, and the sizes that it is told (arXiv:2307.01952)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph_runtime import SILENT, Progress, Range, Text, node
from sd_nodes.embeddings import listing
from sd_nodes.refusals import demand_two_encoders
from sd_nodes.text import encoded
from sd_nodes.types import Clip, Conditioning, Framing
from sd_nodes.weights import WeightStore

Side = Annotated[int, Range(0, 16384, 1)]
Prompt = Annotated[str, Text()]
Score = Annotated[float, Range(0.0, 1000.0, 0.01)]


@node(
    "CLIP Text Encode SDXL",
    category="advanced/conditioning",
    id="CLIPTextEncodeSDXL",
    resource="gpu",
    version=3,
    fingerprint=listing,
)
def clip_text_encode_sdxl(
    clip: Clip,
    width: Side = 1024,
    height: Side = 1024,
    crop_w: Side = 0,
    crop_h: Side = 0,
    target_width: Side = 1024,
    target_height: Side = 1024,
    text_g: Prompt = "",
    text_l: Prompt = "",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Conditioning:
    """Encode a prompt for SDXL, with the sizes that it is told.

    Args:
        clip: The two text encoders of SDXL.
        width: The width that the picture is to look as if it had before it was cropped; small ones look blurred.
        height: The height of it.
        crop_w: How much is to look cut off at the left.
        crop_h: How much is to look cut off at the top.
        target_width: The width that it was cropped to.
        target_height: The height that it was cropped to.
        text_g: The prompt for the larger text encoder.
        text_l: The prompt for the smaller one.

    Returns:
        CONDITIONING: What steers the sampler.
    """
    demand_two_encoders(clip)
    condition = encoded([text_l, text_g], clip, store, progress)
    framing = Framing(width, height, crop_w, crop_h, target_width, target_height)
    return Conditioning((replace(condition, framing=framing),), clip.family)


@node(
    "CLIP Text Encode SDXL Refiner",
    category="advanced/conditioning",
    id="CLIPTextEncodeSDXLRefiner",
    resource="gpu",
    fingerprint=listing,
)
def clip_text_encode_sdxl_refiner(
    clip: Clip,
    ascore: Score = 6.0,
    width: Side = 1024,
    height: Side = 1024,
    text: Prompt = "",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Conditioning:
    """Encode a prompt for the refiner of SDXL, with the size and the beauty that it is told.

    Args:
        clip: The text encoder of the refiner.
        ascore: How beautiful the picture is to be, 0 to 10; about 2.5 for what is not to be drawn.
        width: The width that the picture is to look as if it had before it was cropped.
        height: The height of it.
        text: The prompt.

    Returns:
        CONDITIONING: What steers the sampler.
    """
    condition = encoded([text] * len(clip.encoders), clip, store, progress)
    return Conditioning((replace(condition, framing=Framing(width, height, aesthetic=ascore)),), clip.family)


@node("Picture Sizes (SDXL)", category="conditioning/sdxl", id="SDXLSizes", version=2)
def sdxl_sizes(
    conditioning: Conditioning,
    width: Side = 1024,
    height: Side = 1024,
    crop_x: Side = 0,
    crop_y: Side = 0,
    target_width: Side = 0,
    target_height: Side = 0,
    aesthetic: Annotated[float | None, Range(0.0, 10.0, 0.1)] = None,
) -> Conditioning:
    """Set the sizes that SDXL is told with a prompt; without them they are those of the picture that is drawn.

    Args:
        conditioning: The conditioning.
        width: The width that the picture is to look as if it had before it was cropped; small ones look blurred.
        height: The height of it.
        crop_x: How much is to look cut off at the left.
        crop_y: How much is to look cut off at the top.
        target_width: The width that it was cropped to; that of the picture if 0.
        target_height: The height that it was cropped to; that of the picture if 0.
        aesthetic: How beautiful the picture is to be, for the refiner.

    Returns:
        CONDITIONING: The conditioning with these sizes.
    """
    framing = Framing(width, height, crop_x, crop_y, target_width or None, target_height or None, aesthetic)
    return conditioning.map(lambda one: replace(one, framing=framing))
