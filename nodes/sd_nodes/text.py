"""Encodes prompts."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Progress, Text, node
from sd_nodes.types import Clip, Condition, Conditioning
from sd_nodes.weights import WeightStore


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
    from sd_nodes.diffusion.text import encode

    with store.text_encoder(clip) as (tokenizer, encoder):
        for note in store.notes(clip):
            progress.say(note)
        embedding = encode(text, tokenizer, encoder, clip.skip)
    if embedding.chunks > 1:
        progress.say(f"the prompt has {embedding.tokens} tokens and is encoded in {embedding.chunks} parts")
    return Conditioning((Condition(embedding.states.cpu(), text=text),), clip.family)
