"""The smallest latent diffusion model that has every part."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from sd_nodes.training.model import LatentDiffusion
from sd_nodes.training.vocabulary import learn_tokenizer


def tiny_model(prediction: str = "v_prediction") -> LatentDiffusion:
    torch.manual_seed(0)
    tokenizer = learn_tokenizer(["a red cat", "a blue dog"], 1000, 8)
    words = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        norm_num_groups=2,
        mid_block_add_attention=False,
    )
    return LatentDiffusion(tokenizer, CLIPTextModel(words), unet, vae, DDPMScheduler(prediction_type=prediction))


def on_cpu() -> Accelerator:
    return Accelerator(cpu=True, mixed_precision="no")
