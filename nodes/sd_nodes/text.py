"""Encodes prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, Progress, Text, node
from sd_nodes.embeddings import WORD, demand_family, finder, learned, listing
from sd_nodes.triple_text import encoded_triple
from sd_nodes.types import Clip, Condition, Conditioning
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sd_nodes.diffusion.weighting import Weighted


@node(
    "CLIP Text Encode (Prompt)",
    category="conditioning",
    id="CLIPTextEncode",
    resource="gpu",
    version=4,
    fingerprint=listing,
)
def clip_text_encode(
    text: Annotated[str, Text()], clip: Clip, *, store: WeightStore, progress: Progress = SILENT
) -> Conditioning:
    """Encode a prompt with the model's text encoder.

    `(word)` counts 1.1 times as much, `(word:1.3)` 1.3 times; parentheses that are meant bear a backslash.
    `embedding:name` is a word that was learned by textual inversion. A prompt that is longer than the encoder's window
    is encoded in several parts; nothing is cut off.

    Args:
        text: What the picture should show, or what it should not.
        clip: The text encoder.

    Returns:
        CONDITIONING: What steers the sampler.
    """
    return Conditioning((encoded([text] * len(clip.encoders), clip, store, progress),), clip.family)


def encoded(texts: Sequence[str], clip: Clip, store: WeightStore, progress: Progress = SILENT) -> Condition:
    """Return the condition that a prompt is, with one text for each of the model's text encoders.

    Raises:
        NodeError: A learned word belongs to another family of models.
    """
    from sd_nodes.diffusion.weighting import side_by_side

    for text in dict.fromkeys(texts):
        demand_family(text, clip, store.folders)
    missing = {word for text in texts for word in WORD.findall(text) if learned(word, store.folders) is None}
    for word in sorted(missing):
        progress.say(f"there is no embedding “{word}”: it is left out of the prompt")
    if clip.family == "sd3":
        return encoded_triple(texts, clip, store, progress)
    pairs = list(zip(texts, clip.encoders, strict=True))
    found = [_read(text, each, clip, store, progress) for text, each in pairs]
    windows = max(one.windows for one in found)
    # SDXL joins both encoders' states side by side: the shorter prompt is filled up with empty windows.
    whole = [
        one if one.windows == windows else _read(text, each, clip, store, windows=windows)
        for one, (text, each) in zip(found, pairs, strict=True)
    ]
    if windows > 1:
        progress.say(f"the prompt is long: it is encoded in {windows} parts")
    joined = whole[0] if len(whole) == 1 else side_by_side(*whole)
    pooled = None if joined.pooled is None else joined.pooled.cpu()
    return Condition(joined.states.cpu(), pooled, " ".join(dict.fromkeys(texts)))


def _read(
    text: str, one: Clip, whole: Clip, store: WeightStore, progress: Progress = SILENT, windows: int = 1
) -> Weighted:
    """Let one of the text encoders read a prompt, in so many windows at least."""
    from sd_nodes.diffusion.weighting import Encoding, encode_weighted

    encoding = Encoding(one.skip, normed=not whole.projects, pooled=one.projects, windows=windows)
    with store.text_encoder(one) as (tokenizer, encoder):
        for note in store.notes(one):
            progress.say(note, once=True)
        return encode_weighted(text, tokenizer, encoder, encoding, finder(one, store.folders))
