"""Deep features of a UNet, computed every few steps and used again in between (DeepCache, arXiv:2312.00858).

From step to step the inner blocks of a UNet change little. In the steps between, only its outermost layers are
computed: those that see the latents, and those that see what the kept features become.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from sd_nodes.diffusion.control import Residuals
from sd_nodes.diffusion.mmdit import Mmdit
from sd_nodes.diffusion.views import view_of


@dataclass(frozen=True)
class Reuse:
    """How often all of a UNet is computed.

    Args:
        every: Every so many steps, from 1: 1 computes all of it in each step.
        depth: How many of the decoder's last layers are computed in the steps between, from 1, with as many of the
            encoder's first ones.
    """

    every: int
    depth: int = 1


def problems(reuse: Reuse, unet: UNet2DConditionModel) -> list[str]:
    """Says why a network's features cannot be used again in this way, a sentence each."""
    if isinstance(unet, Mmdit):
        return ["Deep features are those of a UNet; this model is a transformer, and has none to use again."]
    layers = len(unet.up_blocks[-1].resnets)
    if reuse.every < 1 or not 1 <= reuse.depth <= layers:
        found = f"every {reuse.every} steps with {reuse.depth} layers between"
        return [f"Features are computed {found}, needed are 1 or more and 1 to {layers}."]
    return []


Predict = Callable[[UNet2DConditionModel, Residuals | None], Tensor]
"""Computes a network with the residuals of its ControlNets."""


@dataclass
class Reusing:
    """A UNet over the steps of one run; bit-equal to the UNet itself in the steps that compute all of it.

    The residuals of ControlNets are kept with the features: in the steps between no ControlNet is computed.

    Args:
        reuse: How often all of it is computed; `problems` tells whether that can be.
    """

    reuse: Reuse
    _kept: dict[Hashable, tuple[int, Tensor, Residuals | None]] = field(default_factory=dict)

    def __call__(
        self,
        unet: UNet2DConditionModel,
        alike: Hashable,
        index: int,
        residuals: Callable[[], Residuals | None],
        predict: Predict,
    ) -> Tensor:
        """Computes a step.

        Args:
            unet: The network.
            alike: What decides what is computed: features are used again where it is the same.
            index: The step, from 0.
            residuals: Computes the ControlNets.
            predict: Computes the network, or what stands in for it.
        """
        since, features, handed = self._kept.get(alike, (index, None, None))
        if features is not None and index - since < self.reuse.every:
            return predict(_outermost(unet, self.reuse.depth, features), _outer(handed, self.reuse.depth))
        noting = _Noting(_last_layers(unet, self.reuse.depth))
        handed = residuals()
        prediction = predict(_split(unet, noting), handed)
        self._kept = {alike: (index, noting.features, handed)}
        return prediction


class _Noting(nn.Module):
    """A block of the decoder that keeps what comes into it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.resnets = cast("nn.ModuleList", block.resnets)
        self.has_cross_attention = getattr(block, "has_cross_attention", False)
        self.features = torch.empty(0)

    def forward(self, hidden_states: Tensor, **told: object) -> Tensor:
        self.features = hidden_states
        return cast("Tensor", self.block(hidden_states=hidden_states, **told))


class _Recalled(nn.Module):
    """Stands for all that lies between the outermost layers: gives what was kept."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features

    def forward(self, hidden_states: Tensor, temb: Tensor) -> Tensor:
        return self.features


def _split(unet: UNet2DConditionModel, noting: _Noting) -> UNet2DConditionModel:
    """The network with its last block in two, the second of which keeps what comes into it."""
    *others, last = unet.up_blocks
    before = len(last.resnets) - len(noting.resnets)
    first = [_layers(last, slice(None, before))] if before else []
    blocks = nn.ModuleList([*others, *first, noting])
    return cast("UNet2DConditionModel", view_of(unet, {"up_blocks": blocks}))


def _outermost(unet: UNet2DConditionModel, depth: int, features: Tensor) -> UNet2DConditionModel:
    """The network without all that lies between its outermost layers."""
    down = _layers(unet.down_blocks[0], slice(None, depth - 1))
    parts: dict[str, nn.Module] = {
        "down_blocks": nn.ModuleList([down] if depth > 1 else []),
        "mid_block": _Recalled(features),
        "up_blocks": nn.ModuleList([_last_layers(unet, depth)]),
    }
    return cast("UNet2DConditionModel", view_of(unet, parts))


def _last_layers(unet: UNet2DConditionModel, depth: int) -> nn.Module:
    last = unet.up_blocks[-1]
    return _layers(last, slice(len(last.resnets) - depth, None))


def _layers(block: nn.Module, which: slice) -> nn.Module:
    """Some layers of a block, without what makes its features larger or smaller."""
    parts: dict[str, nn.Module] = {"resnets": cast("nn.ModuleList", block.resnets)[which]}
    if getattr(block, "has_cross_attention", False):
        parts["attentions"] = cast("nn.ModuleList", block.attentions)[which]
    without = {name: None for name in ("downsamplers", "upsamplers") if hasattr(block, name)}
    return view_of(block, cast("dict[str, nn.Module]", {**parts, **without}))


def _outer(residuals: Residuals | None, depth: int) -> Residuals | None:
    """The residuals for the encoder's first layers; those of the others are in the kept features."""
    if residuals is None:
        return None
    return Residuals(residuals.down[:depth], torch.zeros_like(residuals.mid[:1, :1, :1, :1]))
