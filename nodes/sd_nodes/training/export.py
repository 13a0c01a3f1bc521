"""Writing trained parts as diffusers directories, in half precision."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import ControlNetModel, ModelMixin
from torch import Tensor, nn

from .model import LatentDiffusion

PIPELINE = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.31.0",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def half_of(module: ModelMixin, weights: Mapping[str, Tensor] | None = None) -> ModelMixin:
    """Copies a module, with other weights if given, in float16."""
    copied = copy.deepcopy(module)
    if weights is not None:
        copied.load_state_dict(weights)
    nn.Module.to(copied, torch.float16)
    return copied


def export_model(
    model: LatentDiffusion, folder: Path, weights: Mapping[str, Mapping[str, Tensor]] | None = None
) -> None:
    """Writes a text-to-image model that diffusers' pipelines open.

    Args:
        model: The parts.
        folder: Where the directory layout of diffusers goes.
        weights: Other weights for parts, by name, such as moving averages.
    """
    found = weights or {}
    for name in ("unet", "text_encoder", "vae"):
        half_of(getattr(model, name), found.get(name)).save_pretrained(folder / name, safe_serialization=True)
    model.tokenizer.save_pretrained(folder / "tokenizer")
    model.scheduler.register_to_config(clip_sample=False)  # latents lie beyond -1 and 1; DDIM and DDPM would clip them
    model.scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps(PIPELINE, indent=2) + "\n")
    share(folder)


def export_controlnet(controlnet: ControlNetModel, folder: Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Writes a ControlNet that diffusers opens."""
    half_of(controlnet, weights).save_pretrained(folder, safe_serialization=True)
    share(folder)


def share(folder: Path) -> None:
    """Lets everybody read the weights, which safetensors writes for their owner alone; takes local paths out."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    for path in folder.rglob("config.json"):
        settings = json.loads(path.read_text())
        if settings.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
