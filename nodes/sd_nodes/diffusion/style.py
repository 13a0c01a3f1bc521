"""The style adapter: what CLIP sees of a picture, as further words of a prompt (arXiv:2302.08453)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

HEADS = 8


class _Layer(nn.Module):
    """A layer of a transformer as CLIP has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        """[batch, tokens, width] in and out."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        inner = self.mlp["c_fc"](self.ln_2(x))
        found: Tensor = x + self.mlp["c_proj"](inner * torch.sigmoid(1.702 * inner))
        return found


class StyleAdapter(nn.Module):
    """Turns the states that CLIP has of a picture into words.

    Args:
        width: Of CLIP's states.
        context: Of the prompt's states.
        words: How many there are.
        layers: Of the transformer between both.
    """

    def __init__(self, width: int, context: int, words: int, layers: int) -> None:
        super().__init__()
        self.words = words
        self.transformer_layes = nn.Sequential(*(_Layer(width) for _ in range(layers)))
        self.style_embedding = nn.Parameter(torch.zeros(1, words, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, context))

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[int]]) -> "StyleAdapter":
        """Builds the adapter that weights of these shapes belong to."""
        _, words, width = shapes["style_embedding"]
        layers = {name.split(".")[1] for name in shapes if name.startswith("transformer_layes.")}
        return cls(width, shapes["proj"][1], words, len(layers))

    def forward(self, seen: Tensor) -> Tensor:
        """[pictures, tokens, width] -> [pictures, words, context]."""
        joined = torch.cat([seen, self.style_embedding.expand(len(seen), -1, -1)], dim=1)
        found: Tensor = self.ln_post(self.transformer_layes(self.ln_pre(joined))[:, -self.words :]) @ self.proj
        return found
