"""Encodes prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, Progress, Text, node
from sd_nodes.types import Clip, Condition, Conditioning
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Sequence


@node("CLIP Text Encode (Prompt)", category="conditioning", id="CLIPTextEncode", resource="gpu")
def clip_text_encode(
    text: Annotated[str, Text()], clip: Clip, *, store: WeightStore, progress: Progress = SILENT
) -> Conditioning:
    """Encode a prompt with the model's text encoder.

    A prompt that is longer than the encoder's window is encoded in several parts; nothing is cut off.

    Args:
        text: What the picture should show, or what it should not.
        clip: The text encoder.

    Returns:
        CONDITIONING: What steers the sampler.
    """
    return Conditioning((encoded([text] * len(clip.encoders), clip, store, progress),), clip.family)


def encoded(texts: Sequence[str], clip: Clip, store: WeightStore, progress: Progress = SILENT) -> Condition:
    """Return the condition that a prompt is, with one text for each of the model's text encoders."""
    from sd_nodes.diffusion.text import Embedding, encode

    found: Embedding | None = None
    for words, each in zip(texts, clip.encoders, strict=True):
        with store.text_encoder(each) as (tokenizer, encoder):
            for note in store.notes(each):
                progress.say(note)
            one = encode(words, tokenizer, encoder, clip.skip, normed=not clip.projects)
        if one.chunks > 1:
            progress.say(f"the prompt has {one.tokens} tokens and is encoded in {one.chunks} parts")
        found = found.beside(one) if found else one
    assert found is not None
    pooled = None if found.pooled is None else found.pooled.cpu()
    return Condition(found.states.cpu(), pooled, " ".join(dict.fromkeys(texts)))
