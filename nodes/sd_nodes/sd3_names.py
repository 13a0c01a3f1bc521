"""Names of tensors of SD3: from the original layout of its transformer and ControlNets to diffusers' names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch

SIGN = "joint_blocks.0.x_block.attn.qkv.weight"
CONTROL_SIGN = "transformer_blocks.0.adaLN_modulation.1.weight"
ENDS = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
PARTS = {
    "x_block": {
        "attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "attn.proj": ("attn.to_out.0",),
        "attn.ln_q": ("attn.norm_q",),
        "attn.ln_k": ("attn.norm_k",),
        "attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
        "attn2.proj": ("attn2.to_out.0",),
        "attn2.ln_q": ("attn2.norm_q",),
        "attn2.ln_k": ("attn2.norm_k",),
        "adaLN_modulation.1": ("norm1.linear",),
        "mlp.fc1": ("ff.net.0.proj",),
        "mlp.fc2": ("ff.net.2",),
    },
    "context_block": {
        "attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "attn.proj": ("attn.to_add_out",),
        "attn.ln_q": ("attn.norm_added_q",),
        "attn.ln_k": ("attn.norm_added_k",),
        "adaLN_modulation.1": ("norm1_context.linear",),
        "mlp.fc1": ("ff_context.net.0.proj",),
        "mlp.fc2": ("ff_context.net.2",),
    },
}
"""The layers of a block by the stream that they belong to: of the picture, and of the text."""


def renamed(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor by its name in diffusers."""
    return {new: name for name in names for new in _names(name)}


def settled(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Swap scale and shift where diffusers has them the other way round: in the last norms of both streams."""
    last = turned(tensors)
    return {name: _swapped(tensor) if name.startswith(last) else tensor for name, tensor in tensors.items()}


def turned(names: Iterable[str]) -> tuple[str, ...]:
    """Return what the names of tensors begin with whose halves diffusers has the other way round."""
    blocks = [int(match[1]) for name in names if (match := re.match(r"transformer_blocks\.(\d+)\.", name))]
    return ("norm_out.linear.", f"transformer_blocks.{max(blocks, default=0)}.norm1_context.linear.")


def _names(name: str) -> list[str]:
    if name == "pos_embed":
        return ["pos_embed.pos_embed"]
    stem, _, end = name.rpartition(".")
    if match := re.match(r"joint_blocks\.(\d+)\.(x_block|context_block)\.(.+)$", stem):
        return [f"transformer_blocks.{match[1]}.{new}.{end}" for new in PARTS[match[2]].get(match[3], ())]
    if match := re.match(r"transformer_blocks\.(\d+)\.(.+)$", stem):
        news = PARTS["x_block"].get(match[2], (match[2],))
        return [f"transformer_blocks.{match[1]}.{new}.{end}" for new in news]
    return [f"{ENDS.get(stem, stem)}.{end}"]


def _swapped(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    shift, scale = tensor.chunk(2)
    return torch.cat([scale, shift])
