"""Measures how much memory a value holds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy
    import torch

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""What a value only points at; it is there whether the value is kept or not."""


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
        mark, size = _own_size(item)
        if mark in seen or isinstance(item, _SHARED):
            continue
        seen.add(mark)
        total += size
        pending.extend(_parts(item))
    return total


def _own_size(item: object) -> tuple[object, int]:
    """Measure one object without its parts; the mark tells it from others, and is the same for shared memory."""
    kind = type(item)
    if kind.__module__.startswith("torch") and hasattr(item, "untyped_storage"):
        return _tensor_size(cast("torch.Tensor", item))
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        return _array_size(cast("numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]", item))
    return id(item), sys.getsizeof(item, 64)


def _tensor_size(tensor: torch.Tensor) -> tuple[object, int]:
    try:
        storage = tensor.untyped_storage()
        return ("storage", str(tensor.device), storage.data_ptr() or id(tensor)), storage.nbytes()
    except (RuntimeError, NotImplementedError):  # sparse and other layouts have no single storage
        return id(tensor), tensor.numel() * tensor.element_size()


def _array_size(array: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]) -> tuple[object, int]:
    owner = array
    while type(owner.base) is type(array):
        owner = owner.base
    return id(owner), owner.nbytes


def _parts(item: object) -> Iterable[object]:
    if isinstance(item, str | bytes | bytearray | memoryview | int | float | None):
        return ()
    if isinstance(item, Mapping):
        return [part for pair in item.items() for part in pair]
    if isinstance(item, list | tuple | Set):
        return item
    if is_dataclass(item):
        return [getattr(item, field.name, None) for field in fields(item)]
    if type(item).__module__.partition(".")[0] in ("torch", "numpy") and hasattr(item, "dtype"):
        return ()
    return list(getattr(item, "__dict__", {}).values())
