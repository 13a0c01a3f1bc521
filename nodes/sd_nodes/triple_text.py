"""Prompts of SD3: read by both encoders of CLIP and by T5, as far as they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sd_nodes.assets import T5_TOKENIZER
from sd_nodes.types import Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import T5EncoderModel

    from graph_runtime import Progress
    from sd_nodes.diffusion.weighting import Weighted
    from sd_nodes.types import Clip
    from sd_nodes.weights import WeightStore

PARTS = ("text_encoder", "text_encoder_2", "text_encoder_3")
WIDTHS = (768, 1280)
"""The widths of both encoders of CLIP; zeros so wide stand for one that is not there."""

WITHOUT_T5 = (
    f"T5 is left out of the prompt: its tokenizer is not there. It is fetched once, with: {T5_TOKENIZER.command} "
    "(add --models with your models folder), or comes with the model's diffusers folder"
)


def encoded_triple(texts: Sequence[str], clip: Clip, store: WeightStore, progress: Progress) -> Condition:
    """Return the condition that a prompt is, with one text for each of the encoders that are there."""
    from sd_nodes.diffusion.t5 import joined, read, zeros
    from sd_nodes.diffusion.weighting import Encoding, encode_weighted
    from sd_nodes.embeddings import finder

    found: dict[str, Weighted] = {}
    third = None
    for text, one in zip(texts, clip.encoders, strict=True):
        with store.text_encoder(one) as (tokenizer, encoder):
            for note in store.notes(one):
                progress.say(note, once=True)
            if one.source.part != PARTS[2]:
                encoding = Encoding(one.skip, normed=False, pooled=True)
                found[one.source.part] = encode_weighted(text, tokenizer, encoder, encoding, finder(one, store.folders))
            elif tokenizer is None:
                progress.say(WITHOUT_T5, once=True)
            else:
                third = read(text, tokenizer, cast("T5EncoderModel", encoder), clip.told.length, clip.told.padding)
    if third is None and clip.told.stands_in:
        third = zeros(clip.told.length)
    first, second = (found.get(part) for part in PARTS[:2])
    whole = joined(first, second, third, WIDTHS)
    return Condition(whole.states, whole.pooled, " ".join(dict.fromkeys(texts)))
