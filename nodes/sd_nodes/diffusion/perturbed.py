"""A UNet whose middle block is disturbed, so that guidance leads away from what it predicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.mmdit import Mmdit
from sd_nodes.diffusion.views import view_of

Way = Literal["own", "mean", "skipped"]
"""How the middle block is disturbed: each place attends to itself alone (perturbed-attention guidance,
arXiv:2403.17377), or asks what the mean of all places asks (smoothed-energy guidance with the widest blur,
arXiv:2408.00760), or its attention is passed by (skip-layer guidance)."""


def attends_in_middle(unet: UNet2DConditionModel) -> bool:
    """Tells whether a UNet has attention in its middle block, as small ones may not."""
    return bool(getattr(getattr(unet, "mid_block", None), "attentions", None))


def with_perturbed_attention(
    unet: UNet2DConditionModel, parts: int = 1, way: Way = "own", layers: Sequence[int] = ()
) -> UNet2DConditionModel:
    """Returns a view of a network that is disturbed: a UNet in its middle block, a transformer in some of its blocks.

    Args:
        unet: The model; it stays as it is.
        parts: The batch is made of so many parts alike; only the last one is disturbed.
        way: How it is disturbed.
        layers: Which blocks of a transformer are passed by.

    Raises:
        SettingError: The middle block of a UNet does not attend to anything, or a transformer is to be disturbed
            otherwise than by passing by blocks that it has.
    """
    if isinstance(unet, Mmdit):
        return cast("UNet2DConditionModel", _passing(unet, parts, way, layers))
    if layers:
        raise SettingError("Layers by number are those of a transformer; this model is a UNet, and skips its middle.")
    middle = unet.mid_block
    if not attends_in_middle(unet):
        raise SettingError("Guidance away from a disturbed model needs one with attention in its middle block.")
    attentions = nn.ModuleList(_perturbed(one, parts, way) for one in middle.attentions)
    return cast("UNet2DConditionModel", view_of(unet, {"mid_block": view_of(middle, {"attentions": attentions})}))


def _passing(unet: Mmdit, parts: int, way: Way, layers: Sequence[int]) -> Mmdit:
    if way != "skipped":
        raise SettingError("A transformer has no middle block to disturb; lead away from it by Skip Layer Guidance.")
    blocks = len(unet.transformer.transformer_blocks)
    if not layers or max(layers) >= blocks:
        found = ", ".join(map(str, layers)) or "none"
        raise SettingError(f"The layers to skip are {found}; this model has 0 to {blocks - 1}, name some of them.")
    return unet.passing(layers, parts)


def _perturbed(transformer: nn.Module, parts: int, way: Way) -> nn.Module:
    blocks = cast("nn.ModuleList", transformer.transformer_blocks)
    if way == "skipped":
        return view_of(transformer, {"transformer_blocks": nn.ModuleList(_Skipping(one, parts) for one in blocks)})
    changed = nn.ModuleList(view_of(block, {"attn1": _disturbed(block.attn1, parts, way)}) for block in blocks)
    return view_of(transformer, {"transformer_blocks": changed})


def _disturbed(attention: Any, parts: int, way: Way) -> nn.Module:
    return cast("nn.Module", view_of(attention, processor=_LastPart(attention.processor, parts, ATTENTIONS[way])))


def _own(usual: Any, attn: Attention, hidden: Tensor) -> Tensor:
    """Attends to one's own place: what comes out are the values."""
    values: Tensor = attn.to_out[1](attn.to_out[0](attn.to_v(hidden)))
    return values


def _mean(usual: Any, attn: Attention, hidden: Tensor) -> Tensor:
    """Asks from every place what the mean of all places asks: queries blurred without end."""
    found: Tensor = usual(attn, hidden.mean(dim=1, keepdim=True).expand_as(hidden), hidden)
    return found


ATTENTIONS: dict[str, Callable[[Any, Attention, Tensor], Tensor]] = {"own": _own, "mean": _mean}
"""What attention is in the disturbed part; takes the usual processor, the attention and its input."""


@dataclass(frozen=True)
class _LastPart:
    """Attention as it is, but for the last part of a batch."""

    usual: Any
    parts: int
    other: Callable[[Any, Attention, Tensor], Tensor]

    def __call__(self, attn: Attention, hidden_states: Tensor, *told: object, **named: object) -> Tensor:
        *others, last = hidden_states.chunk(self.parts)
        disturbed = self.other(self.usual, attn, last)
        return torch.cat([self.usual(attn, torch.cat(others), *told, **named), disturbed]) if others else disturbed


class _Skipping(nn.Module):
    """A block as it is, but for the last part of a batch, which passes it by."""

    def __init__(self, block: nn.Module, parts: int) -> None:
        super().__init__()
        self.block, self.parts = block, parts

    def forward(self, hidden_states: Tensor, *told: object, **named: object) -> Tensor:
        if self.parts == 1:
            return hidden_states
        found: Tensor = self.block(hidden_states, *told, **named)
        rest = len(found) - len(found) // self.parts
        return torch.cat([found[:rest], hidden_states[rest:]])
