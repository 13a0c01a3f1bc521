"""Random weights that are the same everywhere, and the files that hold them."""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

LEVELS = 4096
"""How many values are drawn from: 0 to 4095, equally often."""

DEVIATION = 1182.4128
"""The standard deviation of such a value."""

TYPES = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}


def _as_drawn(drawn: Tensor) -> Tensor:
    return drawn


@dataclass(frozen=True)
class Weight:
    """A tensor to be drawn.

    Attributes:
        shape: Its shape.
        deviation: The standard deviation of its values, which are uniformly distributed.
        mean: Their mean.
        laid: Changes what was drawn, in float32, before it is rounded.
        dtype: The type that it is rounded to.
        fixed: What stands there instead of anything drawn.
    """

    shape: tuple[int, ...]
    deviation: float = 0.0
    mean: float = 0.0
    laid: Callable[[Tensor], Tensor] = _as_drawn
    dtype: torch.dtype = torch.float16
    fixed: Tensor | None = None

    @classmethod
    def of(cls, tensor: Tensor) -> Weight:
        """A tensor that is what it is."""
        return cls(tuple(tensor.shape), dtype=tensor.dtype, fixed=tensor)

    def tensor(self, name: str) -> Tensor:
        """Draws the tensor; the name decides the seed."""
        if self.fixed is not None:
            return self.fixed
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(0, LEVELS, self.shape, generator=generator, dtype=torch.int32).float()
        return self.laid((drawn - (LEVELS - 1) / 2) * (self.deviation / DEVIATION) + self.mean).to(self.dtype)


Network = dict[str, Weight]
"""The tensors of a network by their names."""


def under(name: str, *parts: Network) -> Network:
    """Puts the tensors of parts below a name."""
    return {f"{name}.{inner}": weight for part in parts for inner, weight in part.items()}


def linear(*shape: int, gain: float = 1.0, bias: bool = True) -> Network:
    """A linear map or a convolution, [after, before, ...]; `gain` is how much it changes the deviation of its input."""
    weight = {"weight": Weight(shape, gain / math.sqrt(math.prod(shape[1:])))}
    return weight | ({"bias": Weight(shape[:1], 0.05)} if bias else {})


def norm(width: int) -> Network:
    """A normalization: scales near one, shifts near zero."""
    return {"weight": Weight((width,), 0.1, 1.0), "bias": Weight((width,), 0.1)}


def laid(network: Network, by_name: Mapping[str, Callable[[Tensor], Tensor]]) -> Network:
    """Changes what is drawn for some tensors of a network."""
    return network | {name: replace(network[name], laid=change) for name, change in by_name.items()}


def write(path: Path, tag: str, network: Network) -> str:
    """Writes a safetensors file with the tensors in the order of their names; the tag is part of every seed.

    Only one tensor is in memory at a time. The file appears when it is complete; several processes may write it.

    Returns:
        The SHA-256 of its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begun, digest = path.with_name(f"{path.name}.{os.getpid()}.part"), hashlib.sha256()
    with begun.open("wb") as file:
        for block in _blocks(tag, network):
            file.write(block)
            digest.update(block)
    begun.replace(path)
    return digest.hexdigest()


def _blocks(tag: str, network: Network) -> Iterator[bytes | memoryview]:
    names = sorted(network)
    yield _header(network, names)
    for name in names:
        tensor = network[name].tensor(f"{tag}:{name}").contiguous()
        yield tensor.reshape(-1).view(torch.uint8).numpy().data


def _header(network: Network, names: Sequence[str]) -> bytes:
    described: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in names:
        weight = network[name]
        start, end = end, end + math.prod(weight.shape) * weight.dtype.itemsize
        described[name] = {"dtype": TYPES[weight.dtype], "shape": weight.shape, "data_offsets": [start, end]}
    text = json.dumps(described, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
