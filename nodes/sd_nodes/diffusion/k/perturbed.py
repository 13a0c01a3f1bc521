"""A UNet whose middle block attends to nothing but itself, for perturbed-attention guidance (arXiv:2403.17377)."""

from typing import cast

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from sd_nodes.diffusion.views import view_of


def with_perturbed_attention(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Returns a view of a UNet in whose middle block each place attends to itself alone.

    Args:
        unet: The model; it stays as it is.
    """
    middle = unet.mid_block
    attentions = nn.ModuleList(_perturbed(one) for one in middle.attentions)
    return cast("UNet2DConditionModel", view_of(unet, {"mid_block": view_of(middle, {"attentions": attentions})}))


def _perturbed(transformer: nn.Module) -> nn.Module:
    blocks = cast("nn.ModuleList", transformer.transformer_blocks)
    changed = nn.ModuleList(
        view_of(block, {"attn1": view_of(cast("nn.Module", block.attn1), processor=_itself)}) for block in blocks
    )
    return view_of(transformer, {"transformer_blocks": changed})


def _itself(attn: Attention, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
    """Attention whose map is the identity: the values themselves."""
    values: Tensor = attn.to_out[1](attn.to_out[0](attn.to_v(hidden_states)))
    return values
