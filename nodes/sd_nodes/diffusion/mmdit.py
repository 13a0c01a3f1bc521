"""The transformer of SD3 (arXiv:2403.03206), called as a UNet is."""

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from diffusers import SD3Transformer2DModel, UNet2DConditionModel
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError


class Facts(NamedTuple):
    """What is asked of a network's configuration, by diffusers' names for UNets."""

    in_channels: int
    out_channels: int
    cross_attention_dim: int
    pooled: int
    addition_embed_type: str = "pooled"
    class_embed_type: str | None = None
    time_cond_proj_dim: int | None = None


def as_unet(module: nn.Module) -> UNet2DConditionModel:
    """Returns a denoising network as one that is called as a UNet is; a UNet stays what it is."""
    return cast("UNet2DConditionModel", Mmdit(module) if isinstance(module, SD3Transformer2DModel) else module)


class Mmdit(nn.Module):
    """A transformer over the tokens of picture and text together.

    Args:
        transformer: The model.
    """

    def __init__(self, transformer: SD3Transformer2DModel) -> None:
        super().__init__()
        self.transformer = transformer
        told = transformer.config
        self.config = Facts(told.in_channels, told.out_channels, told.joint_attention_dim, told.pooled_projection_dim)

    @property
    def dtype(self) -> torch.dtype:
        """The type that it computes in."""
        found: torch.dtype = self.transformer.dtype
        return found

    def forward(
        self,
        latents: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        down_block_additional_residuals: list[Tensor] | None = None,
        added_cond_kwargs: Mapping[str, Tensor] | None = None,
        **_: object,
    ) -> tuple[Tensor]:
        """Returns the velocity from the noise to the picture, turned round, in the shape of the latents.

        Args:
            latents: [batch, channel, height, width].
            timestep: Scalar.
            encoder_hidden_states: [batch, tokens, width].
            down_block_additional_residuals: What ControlNets add behind its blocks.
            added_cond_kwargs: `text_embeds`, [batch, width], what the prompt says as a whole.
        """
        pooled = (added_cond_kwargs or {}).get("text_embeds")
        if pooled is None or pooled.shape[1] != self.config.pooled:
            found = "none" if pooled is None else f"one of width {pooled.shape[1]}"
            raise SettingError(
                f"This model needs prompts with a pooled vector of {self.config.pooled}, found is {found}."
            )
        result: tuple[Tensor] = self.transformer(
            latents,
            encoder_hidden_states=encoder_hidden_states,
            pooled_projections=pooled,
            timestep=timestep.expand(len(latents)),
            block_controlnet_hidden_states=down_block_additional_residuals,
            return_dict=False,
        )
        return result
