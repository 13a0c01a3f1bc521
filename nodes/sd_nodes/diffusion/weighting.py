"""Prompts with weights and learned words, encoded as the node editors of the field do it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from sd_nodes.diffusion.prompts import segments
from sd_nodes.diffusion.text import token_states, window
from sd_nodes.diffusion.views import device_of, view_of

LEARNED = "embedding:"
"""What the name of a learned word begins with."""

WHOLE = 8
"""A segment of fewer tokens is not cut where a window of the text encoder is full."""

Find = Callable[[str], Tensor | None]
"""Returns the vectors of a learned word, [vectors, width] or [width], or nothing where there is no such word."""


class Token(NamedTuple):
    """A token's number, or the vector that stands in its place, and its weight."""

    value: int | Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Weighted:
    """What a prompt became.

    Args:
        states: The token states that the UNet attends to, [1, windows * length, width].
        pooled: What the first window says as a whole, [1, width], if it was asked for; never weighted.
        unknown: Learned words that were asked for and are not there, in order.
        windows: How many windows of the text encoder it fills.
    """

    states: Tensor
    pooled: Tensor | None = None
    unknown: tuple[str, ...] = ()
    windows: int = 1


@dataclass(frozen=True)
class Encoding:
    """How a model family uses its text encoder.

    Args:
        skip: How many of the last layers are left out ("clip skip"); as many as there are or more leave out none, as
            in the field's editors.
        normed: Whether the final norm follows.
        padding: The token that fills a window; the tokenizer's own if there is none.
        pooled: Whether what a prompt says as a whole is wanted too.
        windows: How many windows there are at least; those that the prompt does not fill are empty ones.
    """

    skip: int = 0
    normed: bool = True
    padding: int | None = None
    pooled: bool = False
    windows: int = 1


def _nothing(_: str) -> None:
    return None


@torch.no_grad()
def encode_weighted(
    prompt: str,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    encoding: Encoding = Encoding(),
    find: Find = _nothing,
) -> Weighted:
    """Encodes a prompt with weights: each token's state is moved away from that of an empty prompt, or towards it.

    Args:
        prompt: The prompt; see `segments` for how weights are written, `embedding:name` is a learned word.
        tokenizer: The model's tokenizer.
        text_encoder: The model's text encoder.
        encoding: How the model family uses it.
        find: Looks up learned words.
    """
    groups, unknown = grouped(prompt, tokenizer, find)
    frame = _frame(tokenizer, text_encoder, encoding)
    windows = framed(groups, frame)
    windows += framed([], frame) * (encoding.windows - len(windows))
    states = torch.cat([_encoded(one, text_encoder, encoding) for one in windows])
    weights = torch.tensor([[token.weight for token in one] for one in windows])
    if (weights != 1.0).any():
        empty = _encoded(framed([], frame)[0], text_encoder, encoding)
        moved = (states - empty) * weights[..., None].to(states) + empty
        states = torch.where(weights[..., None].to(states.device) == 1.0, states, moved)
    pooled = _pooled(windows[0], text_encoder) if encoding.pooled else None
    return Weighted(states.flatten(0, 1)[None], pooled, tuple(unknown), len(windows))


def side_by_side(first: Weighted, second: Weighted) -> Weighted:
    """Joins what two text encoders made of a prompt along the width, as SDXL reads it.

    Both have as many windows; the second says what the prompt says as a whole.
    """
    states = torch.cat([first.states, second.states], dim=2)
    return Weighted(states, second.pooled, tuple(dict.fromkeys((*first.unknown, *second.unknown))), first.windows)


class Frame(NamedTuple):
    """How a window of the text encoder is filled."""

    length: int
    begin: int
    end: int
    padding: int


def grouped(prompt: str, tokenizer: CLIPTokenizer, find: Find = _nothing) -> tuple[list[list[Token]], list[str]]:
    """Turns a prompt into tokens, in groups that belong together: runs of one weight, and learned words.

    Returns:
        The groups, and the learned words that are not there.
    """
    groups: list[list[Token]] = []
    unknown: list[str] = []
    for text, weight in segments(prompt):
        first, *others = re.split(rf"[ \n]{LEARNED}", text)
        words = [*([first] if first else []), *(LEARNED + other for other in others)]
        for word in words:
            if word.startswith(LEARNED):
                vectors, word = _learned(word.removeprefix(LEARNED), find, unknown)
                groups += [[Token(vector, weight) for vector in vectors]] if vectors is not None else []
                if not word:
                    continue
            ids: list[int] = tokenizer(word, add_special_tokens=False, verbose=False).input_ids
            groups.append([Token(number, weight) for number in ids])
    return groups, unknown


def _learned(text: str, find: Find, unknown: list[str]) -> tuple[Tensor | None, str]:
    """The vectors of a learned word, and the text behind it; a comma at its end belongs to the text."""
    name, *rest = text.split() or [""]
    behind = " ".join(rest)
    vectors, bare = find(name) if name else None, name.strip(",")
    if vectors is None and bare != name:
        vectors, behind = find(bare) if bare else None, f"{name[len(bare) :]} {behind}"
    if vectors is None:
        unknown.append(bare)
        return None, behind
    return vectors.reshape(-1, vectors.shape[-1]), behind


def framed(groups: Sequence[Sequence[Token]], frame: Frame) -> list[list[Token]]:
    """Fills windows: a long group is cut where one is full, a short one moves into the next as a whole.

    Args:
        groups: Tokens that belong together.
        frame: The length of a window, and its marks.

    Returns:
        At least one window, each of the same length: begin, tokens, end, padding.
    """
    room, windows = frame.length - 2, [list[Token]()]
    for group in groups:
        rest = list(group)
        while len(windows[-1]) + len(rest) > room:
            fitting = room - len(windows[-1]) if len(group) >= min(WHOLE, room + 1) else 0
            windows[-1] += rest[:fitting]
            rest = rest[fitting:]
            windows.append([])
        windows[-1] += rest
    begin, end, padding = Token(frame.begin), Token(frame.end), Token(frame.padding)
    return [[begin, *one, end, *[padding] * (room - len(one))] for one in windows]


def _frame(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, encoding: Encoding) -> Frame:
    padding = tokenizer.pad_token_id if encoding.padding is None else encoding.padding
    return Frame(window(tokenizer, text_encoder), tokenizer.bos_token_id, tokenizer.eos_token_id, padding)


def _encoded(tokens: Sequence[Token], text_encoder: CLIPTextModel, encoding: Encoding) -> Tensor:
    ids, encoder = _read(tokens, text_encoder)
    if encoding.skip >= encoder.config.num_hidden_layers:
        return token_states(ids, encoder)
    return token_states(ids, encoder, encoding.skip, encoding.normed)


def _pooled(tokens: Sequence[Token], text_encoder: CLIPTextModel) -> Tensor:
    ids, encoder = _read(tokens, text_encoder)
    found = encoder(ids)
    projected: Tensor | None = getattr(found, "text_embeds", None)
    pooled: Tensor = found.pooler_output if projected is None else projected
    return pooled


def _read(tokens: Sequence[Token], text_encoder: CLIPTextModel) -> tuple[Tensor, CLIPTextModel]:
    """The numbers of tokens, and an encoder that puts vectors where they stand for tokens."""
    device = device_of(text_encoder)
    ids = torch.tensor([[0 if isinstance(token.value, Tensor) else token.value for token in tokens]], device=device)
    vectors = {place: token.value for place, token in enumerate(tokens) if isinstance(token.value, Tensor)}
    if not vectors:
        return ids, text_encoder
    nested = getattr(text_encoder, "text_model", text_encoder)
    table = _Replacing(nested.embeddings.token_embedding, vectors)
    changed = view_of(nested, {"embeddings": view_of(nested.embeddings, {"token_embedding": table})})
    return ids, changed if nested is text_encoder else view_of(text_encoder, {"text_model": changed})


class _Replacing(nn.Module):
    """An embedding table that has other vectors at some places."""

    def __init__(self, table: nn.Embedding, vectors: dict[int, Tensor]) -> None:
        super().__init__()
        self.table, self.vectors = table, vectors
        self.weight = table.weight

    def forward(self, ids: Tensor) -> Tensor:
        found: Tensor = self.table(ids).clone()
        for place, vector in self.vectors.items():
            found[:, place] = vector.to(found)
        return found
