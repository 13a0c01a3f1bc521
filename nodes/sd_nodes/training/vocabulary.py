"""A CLIP tokenizer whose vocabulary is learned from captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\W\d_]+|\d|(?:[^\w\s]|_)+")
Pair = tuple[str, str]


def learn_tokenizer(captions: Iterable[str], size: int, length: int) -> CLIPTokenizer:
    """Learns byte-pair merges until every word of the captions is one token, or the vocabulary is full.

    Any other text can be written too, letter by letter, since every byte is a token.

    Args:
        captions: The texts to learn from.
        size: The largest vocabulary.
        length: The tokens of a prompt, start and end included.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    single = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges = learn_merges(captions, size - len(single) - 2)
    ordered = [*dict.fromkeys([*single, *(first + second for first, second in merges)]), START, END]
    vocabulary = {token: number for number, token in enumerate(ordered)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def learn_merges(captions: Iterable[str], most: int) -> list[Pair]:
    """Joins the most frequent neighbours again and again (Sennrich et al. 2016); of equals, the first by alphabet."""
    counts = Counter(word for caption in captions for word in WORD.findall(caption.lower()))
    words = [(_symbols(word), count) for word, count in counts.items()]
    merges: list[Pair] = []
    while len(merges) < most:
        words = [(symbols, count) for symbols, count in words if len(symbols) > 1]
        pairs: Counter[Pair] = Counter()
        for symbols, count in words:
            for pair in pairwise(symbols):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [(_joined(symbols, best), count) for symbols, count in words]
    return merges


def _symbols(word: str) -> tuple[str, ...]:
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(word)[0][0]
    return (*spelled[:-1], f"{spelled[-1]}</w>")


def _joined(symbols: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    joined: list[str] = []
    for symbol in symbols:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return tuple(joined)
