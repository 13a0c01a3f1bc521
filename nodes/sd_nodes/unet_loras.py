"""Names that LoRAs give to the layers of a UNet when they were trained on the original code (`layouts`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sd_nodes.diffusion.lora import Place
from sd_nodes.layouts import ENDS, MIDDLE, RESNET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LAYER = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
CENTRE = re.compile(r"(mid_block\.(?:resnets|attentions)\.\d+)\.(.+)")
MIDDLES = {new: old for old, new in MIDDLE.items()}
INNER = {new: old for old, new in RESNET.items()}
OUTER = {new: old for old, new in ENDS.items()}
OUTER |= {f"class_embedding.linear_{number}": f"label_emb.0.{2 * number - 2}" for number in (1, 2)}
PREFIX = "diffusion_model."


def places(weights: Iterable[str]) -> dict[str, tuple[Place, ...]]:
    """Return where the changes of the original layers go, by what files call those.

    Args:
        weights: The names of a UNet's weights in diffusers.
    """
    return {
        name: (Place(f"{module}.weight"),)
        for module, old in _original(weights)
        for name in (f"{PREFIX}{old}", f"lora_unet_{old.replace('.', '_')}", f"lycoris_{old.replace('.', '_')}")
    }


def _original(weights: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the module of each weight, and its name in the original code."""
    modules = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    found = [match.groups() for module in modules if (match := LAYER.match(module))]
    layers = 1 + max((int(layer) for way, _, kind, layer, _ in found if (way, kind) == ("down", "resnets")), default=0)
    attending = {level for way, level, kind, _, _ in found if (way, kind) == ("up", "attentions")}
    for module in modules:
        if match := LAYER.match(module):
            way, level, kind, layer, inner = match.groups()
            first = int(level) * (layers + 1)
            yield module, _layer(way, first, kind, int(layer), inner, layers, level in attending)
        elif match := CENTRE.match(module):
            yield module, f"middle_block.{MIDDLES[match[1]]}.{INNER.get(match[2], match[2])}"
        elif module in OUTER:
            yield module, OUTER[module]


def _layer(way: str, first: int, kind: str, layer: int, inner: str, layers: int, attends: bool) -> str:
    if kind == "downsamplers":
        return f"input_blocks.{first + layers + 1}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{first + layers}.{2 if attends else 1}.conv"
    side, number = ("input_blocks", first + layer + 1) if way == "down" else ("output_blocks", first + layer)
    return f"{side}.{number}.{int(kind == 'attentions')}.{INNER.get(inner, inner)}"
