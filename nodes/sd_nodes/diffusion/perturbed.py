"""A UNet whose middle block attends to nothing but itself, for perturbed-attention guidance (arXiv:2403.17377)."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.views import view_of


def attends_in_middle(unet: UNet2DConditionModel) -> bool:
    """Tells whether a UNet has attention in its middle block, as small ones may not."""
    return bool(getattr(unet.mid_block, "attentions", None))


def with_perturbed_attention(unet: UNet2DConditionModel, parts: int = 1) -> UNet2DConditionModel:
    """Returns a view of a UNet in whose middle block each place attends to itself alone.

    Args:
        unet: The model; it stays as it is.
        parts: The batch is made of so many parts alike; only the last one is disturbed.

    Raises:
        SettingError: Its middle block does not attend to anything.
    """
    middle = unet.mid_block
    if not attends_in_middle(unet):
        raise SettingError("Perturbed-attention guidance needs a model with attention in its middle block.")
    attentions = nn.ModuleList(_perturbed(one, parts) for one in middle.attentions)
    return cast("UNet2DConditionModel", view_of(unet, {"mid_block": view_of(middle, {"attentions": attentions})}))


def _perturbed(transformer: nn.Module, parts: int) -> nn.Module:
    blocks = cast("nn.ModuleList", transformer.transformer_blocks)
    changed = nn.ModuleList(view_of(block, {"attn1": _disturbed(block.attn1, parts)}) for block in blocks)
    return view_of(transformer, {"transformer_blocks": changed})


def _disturbed(attention: Any, parts: int) -> nn.Module:
    return cast("nn.Module", view_of(attention, processor=_LastPart(attention.processor, parts)))


@dataclass(frozen=True)
class _LastPart:
    """Attention as it is, but for the last part of a batch, whose attention map is the identity."""

    usual: Any
    parts: int

    def __call__(self, attn: Attention, hidden_states: Tensor, *told: object, **named: object) -> Tensor:
        *others, last = hidden_states.chunk(self.parts)
        # Where each place attends to itself alone, what comes out are the values.
        itself: Tensor = attn.to_out[1](attn.to_out[0](attn.to_v(last)))
        return torch.cat([self.usual(attn, torch.cat(others), *told, **named), itself]) if others else itself
