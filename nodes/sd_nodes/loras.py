"""Puts LoRAs on models and text encoders; their weights are added when a node computes with the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, NamedTuple

from graph_runtime import Folders, Range, node
from sd_nodes.patches import demand_family, lora
from sd_nodes.places import LORA, choices
from sd_nodes.types import Clip, Model

LoraName = Annotated[str, choices(LORA)]
Strength = Annotated[float, Range(-100.0, 100.0, 0.01)]


class Patched(NamedTuple):
    """A model and its text encoder with a LoRA on both.

    Args:
        MODEL: The model.
        CLIP: The text encoder.
    """

    MODEL: Model
    CLIP: Clip


@node("Load LoRA", category="loaders", id="LoraLoader", static=True, version=2)
def lora_loader(
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
    *,
    folders: Folders,
) -> Patched:
    """Put a LoRA on a model and its text encoder (arXiv:2106.09685).

    Args:
        model: The model.
        clip: The text encoder.
        lora_name: A .safetensors file in the layout of diffusers, of kohya's trainer or of the original code, a folder
            or a hub id. It may be a LoRA, LoCon, LoHa, LoKr, GLoRA, OFT, BOFT, DoRA or whole differences.
        strength_model: How much of it is added to the model; below zero it is taken away.
        strength_clip: How much of it is added to the text encoder.
    """
    demand_family(
        lora_name, folders, (("model", model.source.name, model.family), ("clip", clip.source.name, clip.family))
    )
    patched = replace(clip, patches=(*clip.patches, lora(lora_name, strength_clip, folders))) if strength_clip else clip
    return Patched(_on_model(model, lora_name, strength_model, folders), patched)


@node("Load LoRA (Model Only)", category="loaders", id="LoraLoaderModelOnly", static=True, version=2)
def lora_loader_model_only(
    model: Model, lora_name: LoraName, strength_model: Strength = 1.0, *, folders: Folders
) -> Model:
    """Put a LoRA on a model, and leave the text encoder as it is (arXiv:2106.09685).

    Args:
        model: The model.
        lora_name: A .safetensors file in the layout of diffusers or of kohya's trainer, a folder or a hub id.
        strength_model: How much of it is added to the model; below zero it is taken away.

    Returns:
        MODEL: The model with the LoRA.
    """
    demand_family(lora_name, folders, (("model", model.source.name, model.family),))
    return _on_model(model, lora_name, strength_model, folders)


def _on_model(model: Model, name: str, strength: float, folders: Folders) -> Model:
    return replace(model, patches=(*model.patches, lora(name, strength, folders))) if strength else model
