"""Small random models in the classes of the real ones: every part of Stable Diffusion, in a second."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, ControlNetModel, PNDMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from torch import nn
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 32
"""Width of the text encoder's states."""

SCHEDULER_CONFIG = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
"""The noise schedule of Stable Diffusion 1.5."""


@dataclass(frozen=True)
class Models:
    """A whole small model."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL


def small_models(dtype: torch.dtype = torch.float32, window: int = 77) -> Models:
    """Makes a small model with random weights.

    Args:
        dtype: The type of the weights.
        window: How many tokens the text encoder takes at once.
    """
    return Models(
        tokenizer=tokenizer(window),
        text_encoder=ready(text_encoder(window), dtype),
        unet=ready(unet(), dtype),
        vae=ready(vae(), dtype),
    )


def ready(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Puts a module into the state a store hands it out in."""
    return module.to(dtype).eval().requires_grad_(False)


def tokenizer(window: int = 77) -> CLIPTokenizer:
    """A tokenizer of letters: each letter is a token."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=window)


def text_encoder(window: int = 77) -> CLIPTextModel:
    """A text encoder of two layers, of width 32."""
    torch.manual_seed(1)
    last = len(tokenizer(window)) - 1
    config = CLIPTextConfig(
        vocab_size=last + 1,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=window,
        bos_token_id=last - 1,
        eos_token_id=last,
        pad_token_id=last,
    )
    return CLIPTextModel(config)


def unet(**changes: object) -> UNet2DConditionModel:
    """A UNet with channels 32 and 64, and attention to the prompt."""
    torch.manual_seed(2)
    config: dict[str, object] = {
        "sample_size": 8,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**{**config, **changes})


def vae() -> AutoencoderKL:
    """An autoencoder with factor 8."""
    torch.manual_seed(3)
    return AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )


def controlnet(
    seed: int = 4, dtype: torch.dtype = torch.float32, width: int = WIDTH, **changes: object
) -> ControlNetModel:
    """A ControlNet whose zero convolutions are no longer zero."""
    torch.manual_seed(seed)
    config: dict[str, object] = {
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "cross_attention_dim": width,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
        "conditioning_embedding_out_channels": (4, 8, 8, 16),
    }
    net = ControlNetModel(**{**config, **changes})
    for module in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
        nn.init.normal_(module.weight, std=0.1)
        nn.init.normal_(module.bias, std=0.1)
    ready(net, dtype)
    return net


def scheduler() -> PNDMScheduler:
    """The scheduler of Stable Diffusion 1.5."""
    return PNDMScheduler.from_config(SCHEDULER_CONFIG)


def safety_checker(dtype: torch.dtype = torch.float32) -> StableDiffusionSafetyChecker:
    """A safety checker with a vision model of one layer."""
    torch.manual_seed(5)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    nn.init.normal_(checker.concept_embeds)
    nn.init.normal_(checker.special_care_embeds)
    ready(checker, dtype)
    return checker
