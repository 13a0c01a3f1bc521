"""Small random models of the SDXL family saved as diffusers folders: a base, a refiner, a ControlNet."""

import json
from pathlib import Path

import torch
from diffusers import ControlNetModel, EulerDiscreteScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.sd_nodes import models

POOLED, EACH = 24, 8
"""The width of the pooled vector, and of the waves that a size is told in."""

SCHEDULER = {**models.SCHEDULER_CONFIG, "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}


def text_encoder_2(width: int = 40) -> CLIPTextModelWithProjection:
    """A second text encoder, wider than the first, with a projection."""
    torch.manual_seed(21)
    first = models.text_encoder().config.to_dict()
    config = CLIPTextConfig(**{**first, "hidden_size": width, "projection_dim": POOLED, "num_hidden_layers": 3})
    return models.ready(CLIPTextModelWithProjection(config))


def text_encoder(width: int) -> CLIPTextModel:
    """A first text encoder of another width."""
    torch.manual_seed(20)
    return models.ready(
        CLIPTextModel(CLIPTextConfig(**{**models.text_encoder().config.to_dict(), "hidden_size": width}))
    )


def added(sizes: int) -> dict[str, object]:
    """The configuration of a network that is told a pooled vector and sizes."""
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": EACH,
        "projection_class_embeddings_input_dim": POOLED + sizes * EACH,
    }


def save_base(folder: Path, refiner: bool = False, widths: tuple[int, int] = (models.WIDTH, 40)) -> Path:
    """Save an SDXL base model, or a refiner, which has the second text encoder only; by their widths, of a family."""
    first, second = widths
    width = second if refiner else first + second
    models.ready(models.unet(cross_attention_dim=width, **added(5 if refiner else 6))).save_pretrained(folder / "unet")
    models.ready(models.vae()).save_pretrained(folder / "vae")
    text_encoder_2(second).save_pretrained(folder / "text_encoder_2")
    models.tokenizer().save_pretrained(folder / "tokenizer_2")
    if not refiner:
        (models.ready(models.text_encoder()) if first == models.WIDTH else text_encoder(first)).save_pretrained(
            folder / "text_encoder"
        )
        models.tokenizer().save_pretrained(folder / "tokenizer")
    EulerDiscreteScheduler.from_config(SCHEDULER).save_pretrained(folder / "scheduler")
    other = [None, None] if refiner else ["transformers", "CLIPTextModel"]
    index = {
        "_class_name": "StableDiffusionXLImg2ImgPipeline" if refiner else "StableDiffusionXLPipeline",
        "force_zeros_for_empty_prompt": not refiner,
        "requires_aesthetics_score": refiner,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": other,
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": [None, None] if refiner else ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def save_controlnet(folder: Path, width: int = 72) -> ControlNetModel:
    """Save a ControlNet for the base model."""
    net = models.controlnet(seed=23, width=width, **added(6))
    net.save_pretrained(folder)
    return net
