"""The networks of SD3, built as the shapes of their weights tell."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import diffusers
import transformers

if TYPE_CHECKING:
    import torch

    from sd_nodes.shapes import Shapes

HEAD = 64
"""The width of a head of attention, in all of them."""

T5_BLOCK = "encoder.block.0.layer"


def transformer_of(shapes: Shapes) -> torch.nn.Module:
    """Build the transformer that weights of these shapes, by their names in diffusers, belong to."""
    width, channels, patch, _ = shapes["pos_embed.proj.weight"]
    dual = sorted(int(match[1]) for name in shapes if (match := re.match(r"\D+(\d+)\.attn2\.to_q\.weight", name)))
    network: torch.nn.Module = diffusers.SD3Transformer2DModel(
        patch_size=patch,
        in_channels=channels,
        num_layers=_blocks(shapes),
        attention_head_dim=HEAD,
        num_attention_heads=width // HEAD,
        joint_attention_dim=shapes["context_embedder.weight"][1],
        caption_projection_dim=width,
        pooled_projection_dim=shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        out_channels=shapes["proj_out.weight"][0] // patch**2,
        pos_embed_max_size=math.isqrt(shapes["pos_embed.pos_embed"][1]),
        dual_attention_layers=tuple(dual),
        qk_norm="rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
    )
    return network


def controlnet_of(shapes: Shapes) -> torch.nn.Module:
    """Build the ControlNet that weights of these shapes belong to."""
    width, channels, patch, _ = shapes["pos_embed_input.proj.weight"]
    text, places = shapes.get("context_embedder.weight"), shapes.get("pos_embed.pos_embed")
    network: torch.nn.Module = diffusers.SD3ControlNetModel(
        patch_size=patch,
        in_channels=16,
        num_layers=_blocks(shapes),
        attention_head_dim=HEAD,
        num_attention_heads=width // HEAD,
        joint_attention_dim=text[1] if text else None,
        caption_projection_dim=width,
        pooled_projection_dim=shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        pos_embed_max_size=math.isqrt(places[1]) if places else None,
        pos_embed_type="sincos" if places else None,
        extra_conditioning_channels=channels - 16,
        qk_norm="rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
        use_pos_embed=places is not None,
        force_zeros_for_pooled_projection=text is not None,
    )
    return network


def t5_of(shapes: Shapes) -> torch.nn.Module:
    """Build the text encoder T5 that weights of these shapes belong to."""
    vocabulary, width = shapes["shared.weight"]
    inner = shapes[f"{T5_BLOCK}.0.SelfAttention.q.weight"][0]
    heads = shapes[f"{T5_BLOCK}.0.SelfAttention.relative_attention_bias.weight"][1]
    config = transformers.T5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=inner // heads,
        d_ff=shapes[f"{T5_BLOCK}.1.DenseReluDense.wi_0.weight"][0],
        num_layers=len({match[1] for name in shapes if (match := re.match(r"encoder\.block\.(\d+)\.", name))}),
        num_heads=heads,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    network: torch.nn.Module = transformers.T5EncoderModel(config)
    return network


def _blocks(shapes: Shapes) -> int:
    return len({match[1] for name in shapes if (match := re.match(r"transformer_blocks\.(\d+)\.", name))})
