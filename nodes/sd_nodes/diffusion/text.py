"""Prompts to embeddings, as the families of Stable Diffusion use their CLIP text encoders."""

from dataclasses import dataclass
from math import lcm

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import CLIPTextModel, CLIPTokenizer

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.views import device_of


@dataclass(frozen=True)
class Embedding:
    """What a prompt became.

    Args:
        states: The token states that the UNet attends to, [1, chunks * length, width].
        tokens: How many tokens the prompt has, without the marks of beginning and end.
        chunks: How many windows of the text encoder they fill, at least 1; a prompt is never cut.
    """

    states: Tensor
    tokens: int
    chunks: int


@torch.no_grad()
def encode(text: str, tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, skip: int = 0) -> Embedding:
    """Encodes a prompt of any length.

    The tokens are cut into chunks of what the text encoder holds, each framed by the marks of beginning and end and
    encoded alone, and the states of all chunks are joined along the tokens. Diffusers' pipelines skip layers for the
    prompt only: to equal them, encode a negative prompt with skip 0.

    Args:
        text: The prompt.
        tokenizer: The model's tokenizer.
        text_encoder: The model's text encoder.
        skip: How many of the last layers are left out ("clip skip"), 0 to the number of layers - 1.

    Raises:
        SettingError: The encoder has not that many layers to skip.
    """
    check_skip(text_encoder, skip)
    tokens: list[int] = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    chunks = framed(tokens, tokenizer, window(tokenizer, text_encoder))
    device = device_of(text_encoder)
    states = [token_states(chunk.to(device), text_encoder, skip) for chunk in chunks]
    return Embedding(torch.cat(states, dim=1), tokens=len(tokens), chunks=len(chunks))


def check_skip(text_encoder: CLIPTextModel, skip: int) -> None:
    """Makes sure that a text encoder has layers to skip.

    Raises:
        SettingError: It has not that many.
    """
    layers = text_encoder.config.num_hidden_layers
    if not 0 <= skip < layers:
        raise SettingError(f"Clip skip is {skip}, needed is 0 to {layers - 1}: the text encoder has {layers} layers.")


def window(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> int:
    """Returns how many tokens the text encoder takes at once, the two marks included (77 for Stable Diffusion)."""
    return int(min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings))


def same_length(*states: Tensor) -> list[Tensor]:
    """Repeats the token states of prompts so that all have the same length.

    Attention over keys that are all repeated equally often is attention over the keys, so nothing else changes.

    Args:
        states: Token states, each [batch, tokens, width].
    """
    length = lcm(*(one.shape[1] for one in states))
    return [one if one.shape[1] == length else one.repeat(1, length // one.shape[1], 1) for one in states]


def of_length(states: Tensor, length: int) -> Tensor:
    """Cuts token states, [batch, tokens, width], to a number of tokens, or fills them up with zeros."""
    return pad(states[:, :length], (0, 0, 0, max(0, length - states.shape[1])))


def framed(tokens: list[int], tokenizer: CLIPTokenizer, length: int) -> list[Tensor]:
    """Cuts tokens into frames of begin, tokens, end, padding: [1, length] each; an empty prompt is one such frame."""
    content = length - 2
    begin, end, padding = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    runs = [tokens[start : start + content] for start in range(0, max(len(tokens), 1), content)]
    return [torch.tensor([[begin, *run, end, *[padding] * (content - len(run))]]) for run in runs]


def token_states(ids: Tensor, text_encoder: CLIPTextModel, skip: int = 0, normed: bool = True) -> Tensor:
    """Encodes framed tokens.

    Args:
        ids: Token numbers, [batch, length].
        text_encoder: The model's text encoder.
        skip: How many of the last layers are left out.
        normed: Whether the final norm follows; always, for Stable Diffusion 1 and 2.

    Returns:
        [batch, length, width].
    """
    if skip == 0 and normed:
        last: Tensor = text_encoder(ids).last_hidden_state
        return last
    hidden: Tensor = text_encoder(ids, output_hidden_states=True).hidden_states[-(skip + 1)]
    # Older releases of transformers nest the model once more.
    states: Tensor = getattr(text_encoder, "text_model", text_encoder).final_layer_norm(hidden) if normed else hidden
    return states
