"""A small random SD3 saved as a diffusers folder, with its three text encoders, and ControlNets for it."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3ControlNetModel, SD3Transformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, PreTrainedTokenizerFast, T5Config, T5EncoderModel

from tests.sd_nodes import models

TEXT, POOLED, CHANNELS = 80, 24 + 40, 16
"""The width of T5, that of both pooled vectors one behind the other, and the channels of the latents."""

BLOCK = {
    "attention_head_dim": 8, "num_attention_heads": 4, "caption_projection_dim": 32, "pooled_projection_dim": POOLED,
}  # fmt: skip
SHIFT, SCALE = 0.0609, 1.5305


def transformer(layers: int = 3, channels: int = CHANNELS) -> SD3Transformer2DModel:
    """A transformer of a few blocks, the first of which has a second attention."""
    torch.manual_seed(31)
    made = SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=channels, out_channels=CHANNELS, num_layers=layers,
        joint_attention_dim=TEXT, pos_embed_max_size=16, dual_attention_layers=(0,), qk_norm="rms_norm", **BLOCK,
    )  # fmt: skip
    return models.ready(made)


def controlnet(seed: int = 32, **changes: object) -> SD3ControlNetModel:
    """A ControlNet of two blocks whose zero layers are no longer zero."""
    torch.manual_seed(seed)
    config = {
        "sample_size": 8, "patch_size": 2, "in_channels": CHANNELS, "num_layers": 2, "joint_attention_dim": TEXT,
        "pos_embed_max_size": 16, "qk_norm": "rms_norm", **BLOCK,
    }  # fmt: skip
    net = SD3ControlNetModel(**{**config, **changes})
    for module in [*net.controlnet_blocks, net.pos_embed_input.proj]:
        nn.init.normal_(module.weight, std=0.1)
        nn.init.normal_(module.bias, std=0.1)
    return models.ready(net)


def vae() -> AutoencoderKL:
    """An autoencoder with latents of 16 channels, shifted and scaled."""
    torch.manual_seed(33)
    made = AutoencoderKL(
        block_out_channels=(16, 16, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=CHANNELS,
        up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=8, sample_size=64, scaling_factor=SCALE,
        shift_factor=SHIFT, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    return models.ready(made)


def text_encoder(seed: int, width: int, projected: int) -> CLIPTextModelWithProjection:
    """A text encoder with a projection."""
    torch.manual_seed(seed)
    first = models.text_encoder().config.to_dict()
    return models.ready(
        CLIPTextModelWithProjection(CLIPTextConfig(**{**first, "hidden_size": width, "projection_dim": projected}))
    )


def t5() -> T5EncoderModel:
    """T5 of one block."""
    torch.manual_seed(36)
    config = T5Config(
        vocab_size=100, d_model=TEXT, d_kv=8, d_ff=32, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    return models.ready(T5EncoderModel(config))


def t5_tokenizer(folder: Path) -> None:
    """A tokenizer of letters, as T5's: padding, end of the text, unknown, then the letters."""
    letters = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], *([chr(code), -1.0] for code in range(33, 127))]
    special = [{"id": place, "content": letters[place][0]} for place in range(3)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    told = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None,
        "decoder": None, "added_tokens": [each | flags for each in special],
        "model": {"type": "Unigram", "unk_id": 2, "vocab": letters},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, end],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(json.dumps(told))
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def save(folder: Path, third: bool = True, channels: int = CHANNELS, layers: int = 3) -> Path:
    """Save the whole model; the third text encoder may be left out, and the transformer may see more channels."""
    parts = {
        "transformer": transformer(layers, channels), "vae": vae(), "text_encoder": text_encoder(34, 24, 24),
        "text_encoder_2": text_encoder(35, 40, 40), "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        "tokenizer": models.tokenizer(), "tokenizer_2": models.tokenizer(),
    }  # fmt: skip
    if third:
        parts["text_encoder_3"] = t5()
        t5_tokenizer(folder / "tokenizer_3")
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    clip, missing = ["transformers", "CLIPTextModelWithProjection"], [None, None]
    index = {
        "_class_name": "StableDiffusion3Pipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": clip,
        "text_encoder_2": clip,
        "text_encoder_3": ["transformers", "T5EncoderModel"] if third else missing,
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "tokenizer_3": ["transformers", "PreTrainedTokenizerFast"] if third else missing,
        "transformer": ["diffusers", "SD3Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "feature_extractor": missing,
        "image_encoder": missing,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
