"""Token merging (arXiv:2303.17604): places that look alike attend as one."""

import math
from typing import Any, NamedTuple, cast

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from sd_nodes.diffusion.views import view_of

CELL = 2
"""The side of the squares of tokens of which one stays, drawn at random."""


class Merge(NamedTuple):
    """Which tokens are merged into which.

    Args:
        kept: [batch, tokens, 1], the places of tokens that stay as they are.
        merged: [batch, tokens, 1], the places of tokens that are merged.
        into: [batch, tokens, 1], the number among the targets that each of those is merged into.
        targets: [targets], the places of the targets.
        total: How many tokens there are.
    """

    kept: Tensor
    merged: Tensor
    into: Tensor
    targets: Tensor
    total: int

    def apply(self, tokens: Tensor) -> Tensor:
        """Returns the tokens that stay, and behind them the targets, each the mean of all that was merged into it."""
        width = tokens.shape[-1]
        kept, merged = (tokens.gather(1, places.expand(-1, -1, width)) for places in (self.kept, self.merged))
        targets = tokens[:, self.targets].scatter_reduce(1, self.into.expand(-1, -1, width), merged, reduce="mean")
        return torch.cat([kept, targets], dim=1)

    def undo(self, tokens: Tensor) -> Tensor:
        """Puts merged tokens back to their places; all that were merged are alike."""
        width = tokens.shape[-1]
        kept, targets = tokens[:, : self.kept.shape[1]], tokens[:, self.kept.shape[1] :]
        whole = tokens.new_zeros(len(tokens), self.total, width)
        whole[:, self.targets] = targets
        whole.scatter_(1, self.kept.expand(-1, -1, width), kept)
        return whole.scatter_(1, self.merged.expand(-1, -1, width), targets.gather(1, self.into.expand(-1, -1, width)))


def matched(tokens: Tensor, height: int, width: int, ratio: float, generator: torch.Generator) -> Merge | None:
    """Matches tokens (bipartite soft matching, arXiv:2210.09461, section 3): the most alike pairs are merged.

    Args:
        tokens: [batch, height * width, channels].
        height: Of the picture that they are of.
        width: Of it.
        ratio: Which part of all tokens is merged, at most three quarters.
        generator: Draws which token of each square of four is a target.

    Returns:
        What is merged; nothing where the picture is a line, or the ratio is too small for one token.
    """
    count = int(tokens.shape[1] * ratio)
    if count <= 0 or height == 1 or width == 1:
        return None
    targets, others = _drawn(height, width, generator)
    count = min(count, len(others))
    directions = tokens / tokens.norm(dim=-1, keepdim=True)
    alike, nearest = (directions[:, others] @ directions[:, targets].transpose(1, 2)).max(dim=-1)
    order = alike.argsort(dim=-1, descending=True)
    merged, kept = order[:, :count], order[:, count:]
    places = others.to(tokens.device)
    return Merge(
        places[kept][..., None], places[merged][..., None], nearest.gather(1, merged)[..., None],
        targets.to(tokens.device), tokens.shape[1],
    )  # fmt: skip


def _drawn(height: int, width: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws a target in each square, and returns the places of the targets and of all other tokens."""
    rows, columns = height // CELL, width // CELL
    chosen = torch.randint(CELL * CELL, (rows, columns, 1), generator=generator)[..., 0]
    row = torch.arange(rows)[:, None] * CELL + chosen // CELL
    column = torch.arange(columns) * CELL + chosen % CELL
    whole = torch.zeros(height * width, dtype=torch.bool)
    whole[(row * width + column).flatten()] = True
    places = torch.arange(height * width)
    return places[whole], places[~whole]


def with_merged_tokens(
    unet: UNet2DConditionModel, ratio: float, size: tuple[int, int], generator: torch.Generator
) -> UNet2DConditionModel:
    """Returns a view of a UNet whose queries are merged where it attends to itself at the latents' own size.

    Args:
        unet: The model; it stays as it is.
        ratio: Which part of the tokens is merged.
        size: The height and the width of the latents.
        generator: Draws the targets, anew each time.
    """
    sides: dict[str, nn.Module] = {}
    for name in ("down_blocks", "up_blocks"):
        blocks = [_block(block, ratio, size, generator) for block in getattr(unet, name)]
        sides[name] = nn.ModuleList(blocks)
    return cast("UNet2DConditionModel", view_of(unet, sides))


def _block(block: nn.Module, ratio: float, size: tuple[int, int], generator: torch.Generator) -> nn.Module:
    transformers = getattr(block, "attentions", None)
    if transformers is None:
        return block
    changed = [_transformer(one, ratio, size, generator) for one in transformers]
    return view_of(block, {"attentions": nn.ModuleList(changed)})


def _transformer(whole: nn.Module, ratio: float, size: tuple[int, int], generator: torch.Generator) -> nn.Module:
    blocks = [
        view_of(one, {"attn1": _Merging(cast("nn.Module", one.attn1), ratio, size, generator)})
        for one in cast("nn.ModuleList", whole.transformer_blocks)
    ]
    return view_of(whole, {"transformer_blocks": nn.ModuleList(blocks)})


class _Merging(nn.Module):
    """Attention whose queries are merged; keys and values are those of all tokens."""

    def __init__(self, attention: nn.Module, ratio: float, size: tuple[int, int], generator: torch.Generator) -> None:
        super().__init__()
        self.attention, self.ratio, self.size, self.generator = attention, ratio, size, generator

    def forward(self, tokens: Tensor, encoder_hidden_states: Tensor | None = None, **named: Any) -> Tensor:
        height, width = self.size
        whole = math.ceil(math.sqrt(height * width // tokens.shape[1])) <= 1
        merge = matched(tokens, height, width, self.ratio, self.generator) if whole else None
        if merge is None:
            plain: Tensor = self.attention(tokens, encoder_hidden_states=encoder_hidden_states, **named)
            return plain
        context = tokens if encoder_hidden_states is None else encoder_hidden_states
        return merge.undo(self.attention(merge.apply(tokens), encoder_hidden_states=context, **named))
