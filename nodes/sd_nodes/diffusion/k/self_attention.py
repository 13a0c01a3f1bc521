"""Self-attention guidance (arXiv:2210.00939): away from what a model predicts where it looks most, seen blurred."""

import math
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.corrections import Guided
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.views import view_of

NEGATIVE = 1
"""The number of the side whose attention is watched."""

WIDTH = 9
"""How many latent pixels a blur reaches over."""


@dataclass
class Watch:
    """Sees how the negative prompt's part of a batch attends to itself in the middle of a UNet.

    Args:
        sides: The numbers of the sides in the batch that is computed, in their order.
        weights: [batch, heads, queries, keys], what was seen last.
    """

    sides: list[int] = field(default_factory=list)
    weights: Tensor | None = None

    def watched(self, unet: UNet2DConditionModel) -> UNet2DConditionModel:
        """Returns a view of a UNet with attention in its middle block, whose first layer there is watched."""
        middle = unet.mid_block
        first, *others = middle.attentions
        block, *blocks = first.transformer_blocks
        attention = view_of(block.attn1, processor=_Watching(block.attn1.processor, self))
        seen = view_of(block, {"attn1": cast("nn.Module", attention)})
        attentions = nn.ModuleList([view_of(first, {"transformer_blocks": nn.ModuleList([seen, *blocks])}), *others])
        return cast("UNet2DConditionModel", view_of(unet, {"mid_block": view_of(middle, {"attentions": attentions})}))

    def see(self, attention: Attention, hidden: Tensor) -> None:
        """Keeps the negative part's weights of a layer that attends to its own input."""
        if NEGATIVE not in self.sides:
            return
        part = hidden.chunk(len(self.sides))[self.sides.index(NEGATIVE)]
        query, key = (
            told(part).unflatten(-1, (attention.heads, -1)).transpose(1, 2) for told in (attention.to_q, attention.to_k)
        )
        self.weights = (query @ key.transpose(-1, -2) * attention.scale).softmax(dim=-1)


@dataclass(frozen=True)
class _Watching:
    """Attention as it is, watched."""

    usual: Any
    watch: Watch

    def __call__(self, attn: Attention, hidden_states: Tensor, *told: object, **named: object) -> Tensor:
        self.watch.see(attn, hidden_states)
        found: Tensor = self.usual(attn, hidden_states, *told, **named)
        return found


@dataclass(frozen=True)
class Blurred:
    """Leads away from what the network predicts for latents that are blurred where it looks.

    Args:
        network: The network.
        watch: What sees how the network attends.
        scale: How far.
        sigma: How wide the blur is, in latent pixels, over 0.
    """

    network: Network
    watch: Watch
    scale: float
    sigma: float

    def __call__(self, given: Guided) -> Tensor:
        """Leads away; latents of four pixels and less on a side are too small to be blurred, and stay.

        Raises:
            SettingError: The negative prompt applies to a part of the picture only, or not at all.
        """
        if min(given.guided.shape[2:]) <= WIDTH // 2:
            return given.guided
        weights = self.watch.weights
        if weights is None or len(weights) != len(given.latents):
            raise SettingError("Self-attention guidance needs a negative prompt for the whole picture.")
        clean = given.unconditional
        where = looked_at(weights, (clean.shape[2], clean.shape[3])).to(clean)
        hazy = blurred(clean, self.sigma) * where + clean * (1 - where)
        (found,) = self.network.predict([given.negative], hazy + given.latents - clean, given.sigma)
        return given.guided + (hazy - found) * self.scale


def looked_at(weights: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns where more is looked at than on the mean: ones and zeros, [batch, 1, height, width].

    Args:
        weights: [batch, heads, queries, keys].
        size: The height and the width of the latents.
    """
    tokens = weights.shape[-1]
    factor = 2 ** (math.ceil(math.sqrt(size[0] * size[1] / tokens)) - 1).bit_length()
    places = [math.ceil(side / factor) for side in size]
    if math.prod(places) != tokens:
        raise SettingError("Self-attention guidance needs a negative prompt for the whole picture.")
    much = weights.mean(1).sum(1) > 1.0
    return torch.nn.functional.interpolate(much.reshape(-1, 1, *places).float(), size)


def blurred(latents: Tensor, sigma: float) -> Tensor:
    """Blurs latents by a Gaussian; their edges are mirrored."""
    places = torch.arange(WIDTH) - WIDTH // 2
    bell = (-0.5 * (places / sigma) ** 2).exp()
    line = (bell / bell.sum()).to(latents)
    channels, reach = latents.shape[1], WIDTH // 2
    padded = torch.nn.functional.pad(latents, (reach, reach, reach, reach), mode="reflect")
    kernel = torch.outer(line, line).expand(channels, 1, -1, -1)
    return torch.nn.functional.conv2d(padded, kernel, groups=channels)
