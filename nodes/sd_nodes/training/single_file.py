"""A ControlNet as one safetensors file, its tensors named as in the files of its inventors, which other tools open.

The names are those that `sd_nodes.layouts` reads, the other way round.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file

from sd_nodes.components import CONTROLNET_CONFIG
from sd_nodes.layouts import ENDS, MIDDLE, RESNET

PREFIX = "control_model."
RESNET_PARTS = {new: old for old, new in RESNET.items()}
ALONE = {new: old for old, new in ENDS.items()}
MIDDLE_PARTS = {new: old for old, new in MIDDLE.items()}


def original_name(name: str, layers: int, hints: int) -> str:
    """Gives the inventors' name of a tensor.

    Args:
        name: Diffusers' name in a `ControlNetModel`.
        layers: Residual blocks of a level.
        hints: How many blocks read the control picture between the first and the last convolution.
    """
    stem, _, tail = name.rpartition(".")
    if stem in ALONE:
        return f"{ALONE[stem]}.{tail}"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions|downsamplers)\.(\d+)\.(.*)", name):
        level, kind, number, inner = int(found[1]), found[2], int(found[3]), found[4]
        first = 1 + level * (layers + 1)
        if kind == "downsamplers":
            return f"input_blocks.{first + layers}.0.{inner.replace('conv.', 'op.')}"
        slot = f"0.{_resnet(inner)}" if kind == "resnets" else f"1.{inner}"
        return f"input_blocks.{first + number}.{slot}"
    if found := re.fullmatch(r"(mid_block\.(?:resnets|attentions)\.\d+)\.(.*)", name):
        return f"middle_block.{MIDDLE_PARTS[found[1]]}.{_resnet(found[2])}"
    if found := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(\w+)", name):
        return f"zero_convs.{found[1]}.0.{found[2]}"
    if found := re.fullmatch(r"controlnet_cond_embedding\.blocks\.(\d+)\.(\w+)", name):
        return f"input_hint_block.{2 * int(found[1]) + 2}.{found[2]}"
    if stem == "controlnet_cond_embedding.conv_out":
        return f"input_hint_block.{2 * hints + 2}.{tail}"
    return name


def _resnet(inner: str) -> str:
    stem, _, tail = inner.rpartition(".")
    return f"{RESNET_PARTS.get(stem, stem)}.{tail}"


def export_single_file(controlnet: ControlNetModel, path: Path) -> None:
    """Writes a ControlNet in float16 into one file, all of it or nothing.

    Its configuration goes into the file's metadata: shapes alone do not tell a ControlNet of a base of one's own.
    """
    layers, hints = controlnet.config.layers_per_block, len(controlnet.controlnet_cond_embedding.blocks)
    tensors = {
        PREFIX + original_name(name, layers, hints): value.detach().to("cpu", torch.float16).contiguous()
        for name, value in controlnet.state_dict().items()
    }
    unwritten = path.with_suffix(".part")
    config = json.loads(controlnet.to_json_string())
    config.pop("_name_or_path", None)  # a place on this machine
    save_file(tensors, unwritten, {"format": "pt", CONTROLNET_CONFIG: json.dumps(config, sort_keys=True)})
    unwritten.chmod(0o644)
    unwritten.replace(path)
