"""The vocabulary of CLIP's tokenizer, for checkpoints that come as a single file and carry none.

The merges are those of the MIT-licensed `bpe_simple_vocab_16e6.txt.gz` (see `configs/clip/LICENSE`); the vocabulary
follows from them: the bytes, the bytes that end a word, each merge, and the two marks of beginning and end.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING

from sd_nodes.shapes import CONFIGS

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

SIZE = 49408
"""Entries of the vocabulary."""

END_OF_WORD = "</w>"
MARKS = ("<|startoftext|>", "<|endoftext|>")

Merge = tuple[str, str]


@lru_cache(maxsize=1)
def vocabulary() -> tuple[dict[str, int], list[Merge]]:
    """Return the number of every token, and the merges in their order."""
    text = gzip.decompress((CONFIGS / "clip" / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode()
    letters = _letters()
    count = SIZE - 2 * len(letters) - len(MARKS)
    merges = [(first, second) for first, second in map(str.split, text.split("\n")[1 : count + 1])]
    tokens = [*letters, *(letter + END_OF_WORD for letter in letters), *(a + b for a, b in merges), *MARKS]
    return {token: number for number, token in enumerate(tokens)}, merges


def clip_tokenizer(length: int, padding: int = SIZE - 1) -> CLIPTokenizer:
    """Return CLIP's tokenizer for windows of `length` tokens.

    OpenCLIP's text encoders were trained on windows filled with token 0, CLIP's own with the mark of the end.
    """
    from transformers import CLIPTokenizer

    tokens, merges = vocabulary()
    filler = next(iter(tokens)) if padding == 0 else MARKS[1]
    return CLIPTokenizer(vocab=tokens, merges=merges, model_max_length=length, pad_token=filler)


def _letters() -> list[str]:
    """List the letters that stand for the 256 bytes: printable ones for themselves, the others from 256 upwards."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = range(256, 256 + 256 - len(printable))
    return [chr(code) for code in (*printable, *others)]
