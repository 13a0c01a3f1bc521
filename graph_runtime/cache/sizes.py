"""Measures how much memory a value holds."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy
    import torch

    Array: TypeAlias = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""What a value only points at; it is there whether the value is kept or not."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How instances of a class are measured.

    Attributes:
        size: Measures one without its parts; the mark tells it from others, and is the same for shared memory.
        parts: Gives its parts.
    """

    size: Callable[..., tuple[object, int]]
    parts: Callable[..., Iterable[object]]


def size_of(value: object) -> int:
    """Measure a value with everything in it.

    Each object counts once however often it appears, and so does memory that several tensors or arrays look at. It
    takes no recursion, so depth does not matter, and cycles end.

    Args:
        value: Tensors, arrays, bytes, texts, containers, dataclasses, and objects with attributes.

    Returns:
        Bytes.
    """
    total = 0
    seen: set[object] = set()
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        kind: type = type(item)
        way = _way(kind)
        if way is None:
            continue
        mark, size = way.size(item)
        if mark not in seen:
            seen.add(mark)
            total += size
            pending.extend(way.parts(item))
    return total


@lru_cache(maxsize=1024)
def _way(kind: type) -> _Way | None:
    """How instances of a class are measured, or None where they count nothing."""
    package = kind.__module__.partition(".")[0]
    if issubclass(kind, _SHARED):
        return None
    if hasattr(kind, "untyped_storage"):
        return _Way(_tensor_size, _none)
    if any(base.__module__ == "numpy" and base.__name__ == "ndarray" for base in kind.__mro__):
        return _Way(_array_size, _attributes)
    if issubclass(kind, str | bytes | bytearray | memoryview | int | float | None):
        return _Way(_plain_size, _none)
    if issubclass(kind, Mapping):
        return _Way(_plain_size, _pairs)
    if issubclass(kind, list | tuple | Set | deque):
        return _Way(_plain_size, iter)
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
        return _Way(_plain_size, lambda item: [getattr(item, name, None) for name in names])
    if package in ("torch", "numpy") and hasattr(kind, "dtype"):
        return _Way(_plain_size, _none)
    slots = [name for base in kind.__mro__ for name in _slots(base)]
    return _Way(_plain_size, lambda item: [*_attributes(item), *(getattr(item, name, None) for name in slots)])


def _slots(kind: type) -> Iterable[str]:
    """The attributes for which a class itself has a place beside `__dict__`."""
    return [name for name, value in vars(kind).items() if type(value) is MemberDescriptorType]


def _plain_size(item: object) -> tuple[object, int]:
    return id(item), sys.getsizeof(item, 64)


def _tensor_size(tensor: torch.Tensor) -> tuple[object, int]:
    try:
        storage = tensor.untyped_storage()
        return ("storage", str(tensor.device), storage.data_ptr() or id(tensor)), storage.nbytes()
    except (RuntimeError, NotImplementedError):  # sparse and other layouts have no single storage
        return id(tensor), tensor.numel() * tensor.element_size()


def _array_size(array: Array) -> tuple[object, int]:
    owner = array
    while (base := owner.base) is not None and hasattr(base, "nbytes"):
        owner = base
    return id(owner), owner.nbytes


def _none(item: object) -> Iterable[object]:
    return ()


def _pairs(item: Mapping[object, object]) -> Iterable[object]:
    return [part for pair in item.items() for part in pair]


def _attributes(item: object) -> Iterable[object]:
    return list(getattr(item, "__dict__", {}).values())
