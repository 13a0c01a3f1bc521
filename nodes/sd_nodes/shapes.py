"""Reads a network's configuration off the names and shapes of its tensors, in diffusers' names.

What shapes cannot tell (activation, number of heads, scaling factor) stands in `configs/` by family.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Shapes = dict[str, tuple[int, ...]]
Value = str | int | float | bool | None | list[int] | list[str]
Config = dict[str, Value]

CONFIGS = Path(__file__).parent / "configs"
KEY_OF_TEXT = ".attn2.to_k.weight"
SIZED = (2048, 1280)
"""The widths of the text embeddings of families that are told sizes: SDXL and its refiner."""

SIZE_WAVES = 256
"""The width in which SDXL is told each size."""


def config_of(part: str, family: str, shapes: Shapes) -> Config:
    """Return the configuration of a part: the constants of its family, and what its shapes tell.

    Args:
        part: `unet`, `controlnet`, `vae`, `text_encoder` or `text_encoder_2`.
        family: One of those that `known_families` lists.
        shapes: The shape of each tensor by its diffusers name.
    """
    config = {**constants(part, family), **READERS[part](shapes)}
    width, levels = config.pop("head_width", None), config.get("block_out_channels")
    if isinstance(width, int) and isinstance(levels, list):
        # Diffusers gives this name to the number of heads of each level.
        config["attention_head_dim"] = [max(1, int(level) // width) for level in levels]
    return config


def constants(part: str, family: str) -> Config:
    """Return what a family of models fixes for a part (or for its `scheduler`)."""
    values: Config = json.loads((CONFIGS / family / f"{part}.json").read_text())
    return values


def known_families() -> list[str]:
    """Return the families whose single files can be opened."""
    return sorted(path.parent.name for path in CONFIGS.glob("*/scheduler.json"))


def text_width(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Return the width of the text embedding that a UNet or ControlNet attends to."""
    return next((shape[1] for name, shape in sorted(shapes.items()) if name.endswith(KEY_OF_TEXT)), None)


def _count(shapes: Shapes, pattern: str) -> int:
    """Count the numbers that stand at the group of `pattern` in the names."""
    return len({match[1] for name in shapes if (match := re.match(pattern, name))})


def _levels(shapes: Shapes) -> Config:
    levels = range(_count(shapes, r"down_blocks\.(\d+)\."))
    depths = [_count(shapes, rf"down_blocks\.{i}\.attentions\.0\.transformer_blocks\.(\d+)\.") for i in levels]
    middle = _count(shapes, r"mid_block\.attentions\.0\.transformer_blocks\.(\d+)\.")
    projection = next((shape for name, shape in shapes.items() if name.endswith(".proj_in.weight")), ())
    return {
        "in_channels": shapes["conv_in.weight"][1],
        "block_out_channels": [shapes[f"down_blocks.{i}.resnets.0.conv2.weight"][0] for i in levels],
        "layers_per_block": _count(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "transformer_layers_per_block": [max(depth or middle, 1) for depth in depths],
        "cross_attention_dim": text_width(shapes),
        "use_linear_projection": len(projection) == 2,
        **_told(shapes),
    }


def _told(shapes: Shapes) -> Config:
    """Read whether a network is told a pooled vector and sizes, as SDXL is, or a picture, as unCLIP is."""
    if "add_embedding.linear_1.weight" not in shapes:
        return {}
    if text_width(shapes) not in SIZED:
        width = shapes["add_embedding.linear_1.weight"][1]
        return {"class_embed_type": "projection", "projection_class_embeddings_input_dim": width}
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": SIZE_WAVES,
        "projection_class_embeddings_input_dim": shapes["add_embedding.linear_1.weight"][1],
    }


def _unet(shapes: Shapes) -> Config:
    ups = range(_count(shapes, r"up_blocks\.(\d+)\."))
    attends = [any(name.startswith(f"up_blocks.{i}.attentions.") for name in shapes) for i in ups]
    return {
        **_levels(shapes),
        "out_channels": shapes["conv_out.weight"][0],
        "up_block_types": ["CrossAttnUpBlock2D" if one else "UpBlock2D" for one in attends],
        "mid_block_type": "UNetMidBlock2DCrossAttn"
        if _count(shapes, r"mid_block\.attentions\.(\d+)")
        else "UNetMidBlock2D",
    }


def _controlnet(shapes: Shapes) -> Config:
    hint = "controlnet_cond_embedding."
    blocks = _count(shapes, rf"{hint}blocks\.(\d+)\.")
    first = shapes[f"{hint}conv_in.weight"]
    widths = [first[0], *(shapes[f"{hint}blocks.{i}.weight"][0] for i in range(1, blocks, 2))]
    own: Config = {"conditioning_channels": first[1], "conditioning_embedding_out_channels": widths}
    return {**_levels(shapes), **own, **_union(shapes)}


def _union(shapes: Shapes) -> Config:
    """Read whether a ControlNet knows several kinds of pictures."""
    if "task_embedding" not in shapes:
        return {}
    kinds, width = shapes["task_embedding"]
    return {
        "_class_name": "ControlNetUnionModel",
        "num_control_type": kinds,
        "num_trans_channel": width,
        "num_trans_layer": _count(shapes, r"transformer_layes\.(\d+)\."),
        "num_proj_channel": shapes["spatial_ch_projs.weight"][0],
    }


def _vae(shapes: Shapes) -> Config:
    levels = range(_count(shapes, r"encoder\.down_blocks\.(\d+)\."))
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "block_out_channels": [shapes[f"encoder.down_blocks.{i}.resnets.0.conv1.weight"][0] for i in levels],
        "layers_per_block": _count(shapes, r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["DownEncoderBlock2D" for _ in levels],
        "up_block_types": ["UpDecoderBlock2D" for _ in levels],
    }


def _text_encoder(shapes: Shapes) -> Config:
    vocabulary, width = shapes["text_model.embeddings.token_embedding.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shapes["text_model.encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": _count(shapes, r"text_model\.encoder\.layers\.(\d+)\."),
        "num_attention_heads": width // 64,
        "max_position_embeddings": shapes["text_model.embeddings.position_embedding.weight"][0],
    }


def _projecting_text_encoder(shapes: Shapes) -> Config:
    return {**_text_encoder(shapes), "projection_dim": shapes["text_projection.weight"][0]}


READERS: dict[str, Callable[[Shapes], Config]] = {
    "unet": _unet,
    "controlnet": _controlnet,
    "vae": _vae,
    "text_encoder": _text_encoder,
    "text_encoder_2": _projecting_text_encoder,
}
