"""Prompts of SD3: a text of its own for each of its three encoders, and how much T5 is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import SILENT, Progress, Range, Text, node
from sd_nodes.embeddings import listing
from sd_nodes.recipes import Told
from sd_nodes.refusals import demand_sd3
from sd_nodes.text import encoded
from sd_nodes.triple_text import PARTS
from sd_nodes.types import Clip, Conditioning
from sd_nodes.weights import WeightStore

Words = Annotated[str, Text()]


@node(
    "CLIPTextEncodeSD3",
    category="advanced/conditioning",
    id="CLIPTextEncodeSD3",
    resource="gpu",
    version=2,
    fingerprint=listing,
)
def clip_text_encode_sd3(
    clip: Clip,
    clip_l: Words,
    clip_g: Words,
    t5xxl: Words,
    empty_padding: Literal["none", "empty_prompt"] = "none",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Conditioning:
    """Encode a prompt for SD3 with a text for each of its encoders.

    Args:
        clip: The text encoders.
        clip_l: What CLIP reads.
        clip_g: What OpenCLIP reads.
        t5xxl: What T5 reads.
        empty_padding: What becomes of an encoder whose text is empty: `none` leaves it out, `empty_prompt` lets it read
            an empty prompt.

    Returns:
        CONDITIONING: What steers the sampler.
    """
    demand_sd3(clip)
    texts = dict(zip(PARTS, (clip_l, clip_g, t5xxl), strict=True))
    there = [one.source for one in clip.encoders]
    read = [one for one in there if texts[one.part] or empty_padding == "empty_prompt"] or there[:1]
    chosen = replace(clip, source=read[0], others=tuple(read[1:]))
    condition = encoded([texts[one.part] for one in read], chosen, store, progress)
    return Conditioning((condition,), clip.family)


@node("T5TokenizerOptions", category="_for_testing/conditioning", id="T5TokenizerOptions", static=True)
def t5_tokenizer_options(
    clip: Clip,
    min_padding: Annotated[int, Range(0, 10000)] = 0,
    min_length: Annotated[int, Range(0, 10000)] = 0,
) -> Clip:
    """Set how much T5 is told of a prompt; other text encoders are told no more and no less.

    Args:
        clip: The text encoders.
        min_padding: How many empty tokens follow the prompt in any case.
        min_length: How many tokens there are at least: shorter prompts are filled up with empty ones. SD3 has 77 where
            nothing else is said, and 256 in diffusers' pipelines.

    Returns:
        CLIP: The text encoders, told so much.
    """
    there = any(one.source.part == "text_encoder_3" for one in clip.encoders)
    return replace(clip, told=Told(min_length, min_padding)) if there else clip
