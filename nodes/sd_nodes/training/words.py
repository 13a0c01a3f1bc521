"""What a network is told in words: token states, and for SDXL the prompt as a whole with the picture's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from sd_nodes.diffusion.text import token_states, window


@dataclass(frozen=True, eq=False)
class Words:
    """Encoded captions.

    Args:
        states: `[batch, length, width]`, what the network attends to.
        added: SDXL's pooled vectors and sizes, by diffusers' names; None for networks that are told nothing more.
    """

    states: Tensor
    added: Mapping[str, Tensor] | None = None

    @staticmethod
    def joined(words: Sequence[Words]) -> Words:
        """Joins batches of captions for one network into one."""
        first = words[0].added
        added = None if first is None else {name: torch.cat([one.added[name] for one in words]) for name in first}  # type: ignore[index]
        return Words(torch.cat([one.states for one in words]), added)


@dataclass(frozen=True, eq=False)
class SecondEncoder:
    """SDXL's second tokenizer and text encoder (arXiv:2307.01952, section 2.1)."""

    tokenizer: CLIPTokenizer
    module: CLIPTextModelWithProjection

    def encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encodes captions into the states before the last layer, not normed, and one vector for each."""
        tokens = framed_tokens(captions, self.tokenizer, self.module)
        found = self.module(tokens, output_hidden_states=True)
        return found.hidden_states[-2], found.text_embeds


def framed_tokens(captions: Sequence[str], tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> Tensor:
    """Tokenizes captions, `[batch, length]`, on the encoder's device; longer ones are cut."""
    length = window(tokenizer, encoder)
    found = tokenizer(
        list(captions), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    ).input_ids
    tokens: Tensor = found.to(encoder.device)
    return tokens


def states_of(
    captions: Sequence[str], tokenizer: CLIPTokenizer, encoder: CLIPTextModel, skip: int, normed: bool
) -> Tensor:
    """Encodes captions, `[batch, length, width]`, leaving out the last `skip` layers."""
    return token_states(framed_tokens(captions, tokenizer, encoder), encoder, skip, normed)
