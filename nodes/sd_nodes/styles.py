"""Styles of pictures as words of a prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import Folders, NodeError, Range, node
from sd_nodes import part_sources
from sd_nodes.places import STYLE, choices
from sd_nodes.types import ClipVisionOutput, Conditioning, StyleModel
from sd_nodes.weights import WeightStore

StyleName = Annotated[str, choices(STYLE)]


@node("Load Style Model", category="loaders", id="StyleModelLoader", static=True)
def style_model_loader(style_model_name: StyleName, folders: Folders) -> StyleModel:
    """Load a network that turns a picture's style into words.

    Args:
        style_model_name: A .safetensors file of the style adapter (T2I adapter for styles).

    Returns:
        STYLE_MODEL: The network.
    """
    return part_sources.style(style_model_name, folders)


@node("Apply Style Model", category="conditioning/style_model", id="StyleModelApply", resource="gpu")
def style_model_apply(
    conditioning: Conditioning,
    style_model: StyleModel,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[float, Range(0.0, 10.0, 0.001)] = 1.0,
    strength_type: Literal["multiply", "attn_bias"] = "multiply",
    *,
    store: WeightStore,
) -> Conditioning:
    """Put a picture's style behind the words of a prompt.

    Args:
        conditioning: The prompt.
        style_model: The network that turns the style into words.
        clip_vision_output: The picture as CLIP sees it.
        strength: How much the style counts.
        strength_type: `multiply` makes its words longer vectors; `attn_bias` is for Flux, whose attention is told the
            strength: the networks here leave it alone, and follow the style fully.

    Returns:
        CONDITIONING: The prompt with the style.
    """
    import torch

    with store.module(style_model) as network, torch.no_grad():
        place = next(network.parameters())
        words = network(clip_vision_output.last.to(place)).float().cpu()
    style = words.flatten(0, 1)[None] * (strength if strength_type == "multiply" else 1.0)
    width = conditioning.conditions[0].embedding.shape[2]
    if width != style.shape[2]:
        message = f"its words are {style.shape[2]} wide, those of the prompt are {width}: it is for another family."
        raise NodeError(message, input="style_model")
    return conditioning.map(lambda one: replace(one, embedding=torch.cat([one.embedding, style], dim=1)))
