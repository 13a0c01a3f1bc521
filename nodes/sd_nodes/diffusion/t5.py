"""Prompts read by T5 (arXiv:1910.10683), as SD3 uses it: beside both encoders of CLIP, behind their tokens."""

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerBase, T5EncoderModel

from sd_nodes.diffusion.views import device_of
from sd_nodes.diffusion.weighting import Weighted, grouped

WIDTH = 4096
"""The width of T5's states, which CLIP's are filled up to."""

END, PADDING = 1, 0


@torch.no_grad()
def read(
    prompt: str, tokenizer: PreTrainedTokenizerBase, encoder: T5EncoderModel, length: int = 77, padding: int = 0
) -> Tensor:
    """Reads a prompt of any length; weights move states away from those of an empty prompt, as for CLIP.

    Learned words are those of other text encoders, and left out.

    Args:
        prompt: The prompt.
        tokenizer: The model's tokenizer.
        encoder: T5.
        length: The least number of tokens; shorter prompts are filled up with empty ones.
        padding: How many empty tokens follow in any case.

    Returns:
        [1, tokens, width].
    """
    groups, _ = grouped(prompt, tokenizer)
    ids = [token.value for group in groups for token in group if isinstance(token.value, int)]
    weights = [token.weight for group in groups for token in group]
    states = _states(ids, encoder, max(length, len(ids) + 1 + padding))
    if all(weight == 1.0 for weight in weights):
        return states
    empty = _states([], encoder, states.shape[1])
    each = torch.ones(states.shape[1], 1)
    each[: len(weights), 0] = torch.tensor(weights)
    return torch.where(each.to(states) == 1.0, states, empty + (states - empty) * each.to(states))


def _states(ids: list[int], encoder: T5EncoderModel, length: int) -> Tensor:
    filled = [*ids, END, *[PADDING] * (length - len(ids) - 1)]
    found: Tensor = encoder(torch.tensor([filled], device=device_of(encoder))).last_hidden_state
    return found


def zeros(length: int) -> Tensor:
    """Returns what stands for the states of a T5 that is not there, [1, length, width]."""
    return torch.zeros(1, length, WIDTH)


def joined(first: Weighted | None, second: Weighted | None, third: Tensor | None, widths: tuple[int, int]) -> Weighted:
    """Joins what the three text encoders of SD3 made of a prompt.

    Args:
        first: Of CLIP; its states come first along the width.
        second: Of OpenCLIP.
        third: Of T5, behind the tokens of both, which are filled up to its width.
        widths: Those of the first two, where one is missing and zeros stand for it.
    """
    total = third.shape[2] if third is not None else WIDTH
    parts = []
    if first is not None or second is not None:
        both = [None if one is None else one.states for one in (first, second)]
        length = min(one.shape[1] for one in both if one is not None)
        filled = [
            torch.zeros(1, length, width) if one is None else one[:, :length].cpu()
            for one, width in zip(both, widths, strict=True)
        ]
        side = torch.cat(filled, dim=2)
        parts.append(pad(side, (0, total - side.shape[2])))
    if third is not None:
        parts.append(third.cpu())
    pooled = [
        torch.zeros(1, width) if one is None or one.pooled is None else one.pooled.cpu()
        for one, width in zip((first, second), widths, strict=True)
    ]
    unknown = [word for one in (first, second) if one is not None for word in one.unknown]
    return Weighted(torch.cat(parts, dim=1), torch.cat(pooled, dim=1), tuple(dict.fromkeys(unknown)))
