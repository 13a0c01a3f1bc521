"""LoRAs with the names that their trainers give, and learned words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from benchmarks.parity.weights.drawn import Network, Weight

CONTEXT = 768


@dataclass(frozen=True)
class Lora:
    """What a LoRA looks like.

    Attributes:
        rank: The rank of its changes.
        alpha: What they are multiplied by, times the rank.
        gain: How large they are.
        wide: Whether it changes convolutions too.
    """

    rank: int
    alpha: float
    gain: float
    wide: bool = False

    def network(self) -> Network:
        """All of its tensors."""
        layers = (*_unet(self.wide), *_text())
        return {name: weight for each in layers for name, weight in self._pair(*each).items()}

    def _pair(self, name: str, after: int, before: int, side: int = 0) -> Network:
        """The two matrices of a layer; one with a side is a convolution."""
        down, up = ((side, side), (1, 1)) if side else ((), ())
        deviation = 1 / math.sqrt(before * max(1, side * side))
        return {
            f"{name}.lora_down.weight": Weight((self.rank, before, *down), deviation),
            f"{name}.lora_up.weight": Weight((after, self.rank, *up), self.gain / math.sqrt(self.rank)),
            f"{name}.alpha": Weight.of(torch.tensor(self.alpha, dtype=torch.float16)),
        }


def learned(words: int) -> Network:
    """Vectors that stand for words."""
    return {"emb_params": Weight((words, CONTEXT), 0.6, dtype=torch.float32)}


Layer = tuple[str, int, int] | tuple[str, int, int, int]
"""Name, width after and before, and the side of a convolution."""


def _unet(wide: bool) -> Iterator[Layer]:
    for level in range(3):
        yield from _transformer(f"lora_unet_down_blocks_{level}_attentions_0", 320, wide)
        for number in range(2):
            yield from _transformer(f"lora_unet_up_blocks_{level + 1}_attentions_{number}", 320, wide)
        if wide:
            block = f"lora_unet_down_blocks_{level}"
            yield f"{block}_resnets_0_conv1", 320, 320, 3
            yield f"{block}_resnets_0_conv2", 320, 320, 3
            yield f"{block}_resnets_0_time_emb_proj", 320, 1280
            yield f"{block}_downsamplers_0_conv", 320, 320, 3
    yield from _transformer("lora_unet_mid_block_attentions_0", 640, wide)


def _transformer(name: str, width: int, wide: bool) -> Iterator[Layer]:
    block = f"{name}_transformer_blocks_0"
    for attention, context in (("attn1", width), ("attn2", CONTEXT)):
        yield f"{block}_{attention}_to_q", width, width
        yield f"{block}_{attention}_to_k", width, context
        yield f"{block}_{attention}_to_v", width, context
        yield f"{block}_{attention}_to_out_0", width, width
    yield f"{block}_ff_net_0_proj", 8 * width, width
    yield f"{block}_ff_net_2", width, 4 * width
    if wide:
        yield f"{name}_proj_in", width, width, 1
        yield f"{name}_proj_out", width, width, 1


def _text() -> Iterator[Layer]:
    for number in range(12):
        layer = f"lora_te_text_model_encoder_layers_{number}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{layer}_self_attn_{projection}", CONTEXT, CONTEXT
        yield f"{layer}_mlp_fc1", 4 * CONTEXT, CONTEXT
        yield f"{layer}_mlp_fc2", CONTEXT, 4 * CONTEXT
