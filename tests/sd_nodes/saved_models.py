"""Small random models saved as diffusers folders, the way published ones lie on disk."""

import json
from pathlib import Path

import torch
from diffusers import ControlNetModel

from tests.sd_nodes import models

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def save_base(folder: Path, safety: bool = False, variant: str | None = None) -> Path:
    """Save a whole base model."""
    made = models.small_models(torch.float32)
    made.unet.save_pretrained(folder / "unet", variant=variant)
    made.vae.save_pretrained(folder / "vae", variant=variant)
    made.text_encoder.save_pretrained(folder / "text_encoder")
    made.tokenizer.save_pretrained(folder / "tokenizer")
    models.scheduler().save_pretrained(folder / "scheduler")
    if safety:
        save_safety(folder)
    (folder / "model_index.json").write_text(json.dumps(INDEX))
    return folder


def save_safety(folder: Path) -> Path:
    """Save a safety checker and its image processor into a base model's folder."""
    models.safety_checker().save_pretrained(folder / "safety_checker")
    (folder / "feature_extractor").mkdir()
    processor = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": 32}
    (folder / "feature_extractor" / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def save_controlnet(folder: Path, **changes: object) -> ControlNetModel:
    """Save a ControlNet and return it."""
    net = models.controlnet(**changes)
    net.save_pretrained(folder)
    return net
