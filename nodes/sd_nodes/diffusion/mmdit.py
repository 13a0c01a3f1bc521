"""The transformer of SD3 (arXiv:2403.03206), called as a UNet is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from diffusers import SD3Transformer2DModel, UNet2DConditionModel
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.views import view_of


class Facts(NamedTuple):
    """What is asked of a network's configuration, by diffusers' names for UNets."""

    in_channels: int
    out_channels: int
    cross_attention_dim: int
    pooled: int
    patch_size: int
    addition_embed_type: str = "pooled"
    class_embed_type: str | None = None
    time_cond_proj_dim: int | None = None


def as_unet(module: nn.Module) -> UNet2DConditionModel:
    """Returns a denoising network as one that is called as a UNet is; a UNet stays what it is."""
    return cast("UNet2DConditionModel", Mmdit(module) if isinstance(module, SD3Transformer2DModel) else module)


def identity(network: nn.Module) -> int:
    """Returns a number that is the same as long as a network's weights are there, however it is called."""
    return id(network.transformer if isinstance(network, Mmdit) else network)


class Mmdit(nn.Module):
    """A transformer over the tokens of picture and text together.

    Args:
        transformer: The model.
    """

    passed: tuple[int, ...] = ()
    """The blocks that are passed by in the last part of a batch."""

    parts: int = 1
    """How many equal parts a batch has, where some blocks are passed by."""

    def __init__(self, transformer: SD3Transformer2DModel) -> None:
        super().__init__()
        self.transformer = transformer
        told = transformer.config
        self.config = Facts(
            told.in_channels,
            transformer.out_channels,
            told.joint_attention_dim,
            told.pooled_projection_dim,
            told.patch_size,
        )

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
        given = _Given(latents, timestep, encoder_hidden_states, pooled, down_block_additional_residuals)
        if not self.passed:
            return (self._predicted(given),)
        if self.parts == 1:
            return (self._predicted(given, self.passed),)
        whole = len(latents) // self.parts
        others, last = given.cut(slice(None, -whole)), given.cut(slice(-whole, None))
        return (torch.cat([self._predicted(others), self._predicted(last, self.passed)]),)

    def passing(self, layers: Sequence[int], parts: int) -> "Mmdit":
        """Returns a view of it that passes by some blocks in the last of so many equal parts of a batch.

        That part is computed by itself, as diffusers' pipelines do.
        """
        return view_of(self, passed=tuple(layers), parts=parts)

    def _predicted(self, given: "_Given", passed: tuple[int, ...] = ()) -> Tensor:
        result: Tensor = self.transformer(
            given.latents,
            encoder_hidden_states=given.states,
            pooled_projections=given.pooled,
            timestep=given.timestep.expand(len(given.latents)),
            block_controlnet_hidden_states=given.residuals,
            skip_layers=list(passed) or None,
            return_dict=False,
        )[0]
        return result


class _Given(NamedTuple):
    """What a transformer is given in one step."""

    latents: Tensor
    timestep: Tensor
    states: Tensor
    pooled: Tensor
    residuals: list[Tensor] | None

    def cut(self, part: slice) -> "_Given":
        """Returns a part of the batch."""
        residuals = None if self.residuals is None else [one[part] for one in self.residuals]
        return _Given(self.latents[part], self.timestep, self.states[part], self.pooled[part], residuals)
