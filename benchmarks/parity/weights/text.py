"""The text encoders of Stable Diffusion and SDXL, in full size: CLIP-L as in transformers, bigG as in OpenCLIP."""

from __future__ import annotations

import math

import torch

from benchmarks.parity.weights.drawn import Network, Weight, linear, norm, under

TOKENS, WINDOW = 49408, 77


def clip_l() -> Network:
    """Twelve layers, 768 wide."""
    width = 768
    network = {
        "embeddings.token_embedding.weight": Weight((TOKENS, width), 0.5),
        "embeddings.position_embedding.weight": Weight((WINDOW, width), 0.15),
        "embeddings.position_ids": Weight.of(torch.arange(WINDOW)[None]),
        **under("final_layer_norm", norm(width)),
    }
    for number in range(12):
        network |= under(f"encoder.layers.{number}", _layer(width))
    return network


def _layer(width: int) -> Network:
    return {
        **under("self_attn.q_proj", linear(width, width, gain=1.4)),
        **under("self_attn.k_proj", linear(width, width, gain=1.4)),
        **under("self_attn.v_proj", linear(width, width)),
        **under("self_attn.out_proj", linear(width, width, gain=0.6)),
        **under("mlp.fc1", linear(4 * width, width)),
        **under("mlp.fc2", linear(width, 4 * width, gain=0.6)),
        **under("layer_norm1", norm(width)),
        **under("layer_norm2", norm(width)),
    }


def clip_g() -> Network:
    """Thirty-two layers, 1280 wide, and a projection."""
    width = 1280
    network = {
        "token_embedding.weight": Weight((TOKENS, width), 0.5),
        "positional_embedding": Weight((WINDOW, width), 0.15),
        "text_projection": Weight((width, width), 1 / math.sqrt(width)),
        **under("ln_final", norm(width)),
    }
    for number in range(32):
        network |= under(f"transformer.resblocks.{number}", _open_layer(width))
    return network


def _open_layer(width: int) -> Network:
    return {
        "attn.in_proj_weight": Weight((3 * width, width), 1.2 / math.sqrt(width)),
        "attn.in_proj_bias": Weight((3 * width,), 0.05),
        **under("attn.out_proj", linear(width, width, gain=0.5)),
        **under("mlp.c_fc", linear(4 * width, width)),
        **under("mlp.c_proj", linear(width, 4 * width, gain=0.5)),
        **under("ln_1", norm(width)),
        **under("ln_2", norm(width)),
    }
