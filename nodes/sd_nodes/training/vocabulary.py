"""A CLIP tokenizer whose vocabulary is learned from captions."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORD = Regex(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""")


def learn_tokenizer(captions: Iterable[str], size: int, length: int) -> CLIPTokenizer:
    """Learns byte-pair merges (Sennrich et al. 2016) until every word of the captions is few tokens.

    Any other text can be written too, letter by letter, since every byte is a token.

    Args:
        captions: The texts to learn from.
        size: The largest vocabulary.
        length: The tokens of a prompt, start and end included.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORD, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False
    )
    learner.train_from_iterator((caption.lower() for caption in captions), trainer)
    merges = _merges(learner)
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    ordered = [*dict.fromkeys(tokens), START, END]
    vocabulary = {token: number for number, token in enumerate(ordered)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def _merges(learner: Tokenizer) -> list[tuple[str, str]]:
    return [(first, second) for first, second in json.loads(learner.to_str())["model"]["merges"]]
