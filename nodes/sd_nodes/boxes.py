"""Words bound to boxes of the picture (GLIGEN, arXiv:2301.07093)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from graph_runtime import SILENT, Folders, Progress, Range, Text, node
from sd_nodes import part_sources
from sd_nodes.places import GLIGEN, choices
from sd_nodes.refusals import demand_layers_for
from sd_nodes.types import BoundText, Clip, Conditioning, Gligen
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    import torch

GligenName = Annotated[str, choices(GLIGEN)]
Side = Annotated[int, Range(8, 16384, 8)]
Place = Annotated[int, Range(0, 16384, 8)]


@node("GLIGENLoader", category="loaders", id="GLIGENLoader", static=True)
def gligen_loader(gligen_name: GligenName, folders: Folders) -> Gligen:
    """Load the layers that bind words to boxes.

    Args:
        gligen_name: A .safetensors file of GLIGEN with boxes and texts.

    Returns:
        GLIGEN: The layers.
    """
    return part_sources.gligen(gligen_name, folders)


@node("GLIGENTextBoxApply", category="conditioning/gligen", id="GLIGENTextBoxApply", resource="gpu", version=2)
def gligen_text_box_apply(
    conditioning_to: Conditioning,
    clip: Clip,
    gligen_textbox_model: Gligen,
    text: Annotated[str, Text()],
    width: Side = 64,
    height: Side = 64,
    x: Place = 0,
    y: Place = 0,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Conditioning:
    """Bind a text to a box of the picture; twice in a row binds two.

    Args:
        conditioning_to: The prompt, which names the thing too.
        clip: The text encoder.
        gligen_textbox_model: The layers.
        text: What is in the box.
        width: The width of the box in pixels.
        height: Its height.
        x: Its left border.
        y: Its upper border.

    Returns:
        CONDITIONING: The prompt with the box.
    """
    demand_layers_for(gligen_textbox_model, clip)
    pooled = _pooled(text, clip, store, progress)
    box = BoundText(pooled, width // 8, height // 8, x // 8, y // 8, gligen_textbox_model)
    return conditioning_to.map(lambda one: replace(one, boxes=(*one.boxes, box)))


def _pooled(text: str, clip: Clip, store: WeightStore, progress: Progress) -> torch.Tensor:
    """Return what a text says as a whole, not projected."""
    from sd_nodes.diffusion.weighting import Encoding, encode_weighted
    from sd_nodes.embeddings import finder

    last = clip.encoders[-1]
    with store.text_encoder(last) as (tokenizer, encoder):
        for note in store.notes(last):
            progress.say(note)
        found = encode_weighted(text, tokenizer, encoder, Encoding(last.skip, pooled=True), finder(last, store.folders))
    assert found.pooled is not None
    return found.pooled.float().cpu()
