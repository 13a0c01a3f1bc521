"""Reads what a safetensors file says about itself, without touching the weights and without torch.

The format: an unsigned little-endian 64-bit length, that many bytes of JSON, then the tensors' bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from graph_runtime import NodeError
from sd_nodes.pickles import looks_like

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONGEST = 100_000_000
"""No header is longer than this many bytes; the format's own bound."""

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16}
BITS |= {"I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64}


@final
@dataclass(frozen=True)
class Tensor:
    """One entry of a header: the dtype by its name in the format, and the shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The size in the file."""
        return self.parameters * BITS.get(self.dtype, 8) // 8


Header = dict[str, Tensor]


def read_header(path: Path) -> Header:
    """Read the names, dtypes and shapes of the tensors in a safetensors file.

    Raises:
        NodeError: The file is no safetensors file, or is cut short.
    """
    try:
        length, text, size = _read(path)
    except OSError as problem:
        raise NodeError(f"{path} cannot be read: {problem.strerror}.") from problem
    entries = _parsed(path, text)
    try:
        header = {name: _tensor(entry) for name, entry in entries.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for name, entry in entries.items() if name in header), default=0)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as problem:
        raise NodeError(
            f"{path} has a broken safetensors header: an entry has no dtype, shape or offsets."
        ) from problem
    if 8 + length + end > size:
        raise NodeError(
            f"{path} is cut short: it needs {8 + length + end:,} bytes and has {size:,}. Download it again."
        )
    return header


def read_metadata(path: Path) -> Mapping[str, str]:
    """Read the words that a safetensors file says of itself beside its tensors; most say next to nothing.

    Raises:
        NodeError: The file is no safetensors file, or is cut short.
    """
    try:
        _, text, _ = _read(path)
    except OSError as problem:
        raise NodeError(f"{path} cannot be read: {problem.strerror}.") from problem
    said = _parsed(path, text).get("__metadata__", {})
    return {name: str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def _read(path: Path) -> tuple[int, bytes, int]:
    """Read the header's length, its text, and the size of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        beginning = file.read(32)
        length = int.from_bytes(beginning[:8], "little")
        if size < 8 or length > LONGEST:
            what = looks_like(beginning) or "it does not begin with the length of a header"
            raise NodeError(f"{path} is not a safetensors file: {what}.")
        if 8 + length > size:
            raise NodeError(f"{path} is cut short: its header needs {8 + length:,} bytes and the file has {size:,}.")
        file.seek(8)
        return length, file.read(length), size


def _parsed(path: Path, text: bytes) -> Mapping[str, dict[str, list[int]]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise NodeError(f"{path} has a broken safetensors header: it is not JSON.") from problem
    if not isinstance(entries, dict):
        raise NodeError(f"{path} has a broken safetensors header: it is not a table of tensors.")
    return entries


def _tensor(entry: Mapping[str, list[int]]) -> Tensor:
    return Tensor(str(entry["dtype"]), tuple(int(length) for length in entry["shape"]))
