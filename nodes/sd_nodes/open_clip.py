"""Encoders in OpenCLIP's layout: of texts, as checkpoints of Stable Diffusion 2 and SDXL hold them, and of pictures.

OpenCLIP keeps query, key and value in one tensor, and the projection transposed: several names of transformers lead to
one name of the file, and `piece` tells which part of it is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ENDS = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
SEEING_ENDS = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
    "proj": "visual_projection.weight",
}
BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
PROJECTIONS = ("q_proj", "k_proj", "v_proj")
JOINED = re.compile(r"\.(?:in_proj_|qkv\.)(weight|bias)$")
THIRD = re.compile(r"\.(?:to_|add_)?([qkv])(?:_proj)?\.(?:weight|bias)$")
"""The names of the thirds of a joined tensor: of queries, of keys, of values."""

PROJECTION = "text_projection"
TURNED = (PROJECTION, "visual.proj")


def renamed(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor by its name in transformers; without the projection at the end."""
    return {new: name for name in names for new in _names(name, "text_model", ENDS)}


def projected(names: list[str]) -> dict[str, str]:
    """Return the same, with the projection at the end."""
    return renamed(names) | {f"{PROJECTION}.weight": name for name in names if name == PROJECTION}


def seeing(names: list[str]) -> dict[str, str]:
    """Return the same for an encoder of pictures, with the projection at the end."""
    return {new: name for name in names for new in _names(name, "vision_model", SEEING_ENDS)}


def piece(new: str, old: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return what a tensor of the file holds for one name of transformers."""
    if _is_third(new, old):
        return tensor.chunk(3)[_third(new)]
    return tensor.T if _turned(old) else tensor


def shape_of_piece(new: str, old: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a tensor of this shape holds for one name of transformers."""
    if _is_third(new, old):
        return (shape[0] // 3, *shape[1:])
    return shape[::-1] if _turned(old) else shape


def _names(name: str, tower: str, ends: dict[str, str]) -> list[str]:
    if name in ends:
        return [ends[name]]
    match = re.match(r"transformer\.resblocks\.(\d+)\.(.+)$", name)
    if match is None:
        return []
    block, inner = f"{tower}.encoder.layers.{match[1]}", match[2]
    if joined := JOINED.search(name):
        return [f"{block}.self_attn.{one}.{joined[1]}" for one in PROJECTIONS]
    stem, _, tail = inner.rpartition(".")
    return [f"{block}.{BLOCK.get(stem, stem)}.{tail}"]


def _is_third(new: str, old: str) -> bool:
    """Tell whether a name means a part of a joined tensor; networks that join them too want the whole."""
    return JOINED.search(old) is not None and THIRD.search(new) is not None


def _third(new: str) -> int:
    match = THIRD.search(new)
    assert match is not None, new
    return "qkv".index(match[1])


def _turned(old: str) -> bool:
    return old.endswith(TURNED)
