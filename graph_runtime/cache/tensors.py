"""Tensors and arrays as bytes and back. torch and numpy are imported only once a value of theirs shows up.

A tensor becomes a file in the safetensors format with the one tensor `tensor` in it; an array becomes its plain bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeGuard

from .blob import Blob, Tree

if TYPE_CHECKING:
    import numpy
    import torch

    Array: TypeAlias = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]

_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""The dtypes that every reader of the format knows; others are written as their bytes, and named in the manifest."""

_ARRAY_KINDS = "biufcSUmM"
"""Kinds of array items that are their bytes: no objects, no records."""


class Unstorable(Exception):
    """A value has no form in a file; it is kept in memory only."""


class Form(NamedTuple):
    """What has to be known to make a tensor or an array out of its bytes.

    Attributes:
        dtype: As its library names it.
        shape: The lengths of the axes, in the order in which they lie in the bytes.
        order: The axes from the outermost to the innermost, as they lie in the bytes.
        device: Where a tensor was; "" where that does not count.
    """

    dtype: str
    shape: list[int]
    order: list[int]
    device: str = ""

    @classmethod
    def of(cls, tree: list[Tree]) -> Form:
        """Read it from plain JSON data.

        Raises:
            ValueError: It is something else.
        """
        match tree:
            case [str(dtype), list(shape), list(order), str(device)]:
                return cls(dtype, [_whole(length) for length in shape], [_whole(axis) for axis in order], device)
        raise ValueError(f"no tensor or array: {tree}")

    def tree(self) -> list[Tree]:
        """Write it as plain JSON data."""
        return [self.dtype, [*self.shape], [*self.order], self.device]

    @property
    def inverse(self) -> list[int]:
        """Where each axis lies in the bytes."""
        return sorted(range(len(self.order)), key=self.order.__getitem__)


def _whole(number: Tree) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"no length or axis: {number}")
    return number


def is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """Tell whether something is a plain tensor of torch."""
    return type(value).__module__ == "torch" and type(value).__name__ == "Tensor"


def is_array(value: object) -> TypeGuard[Array]:
    """Tell whether something is a plain array of numpy."""
    return type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"


def is_scalar(value: object) -> TypeGuard[numpy.generic]:
    """Tell whether something is a single number of numpy."""
    return type(value).__module__ == "numpy" and not is_array(value) and getattr(value, "shape", None) == ()


def of_tensor(tensor: torch.Tensor, exact: bool) -> tuple[Form, Blob]:
    """Write a tensor down.

    Args:
        tensor: Any shape, strides, dtype and device. Gaps between its items and items that share memory are not kept.
        exact: Whether the order of the axes in memory and the device count, or the content alone.

    Raises:
        Unstorable: It is sparse, quantized, without data, or part of a graph of gradients.
    """
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.requires_grad or tensor.is_meta:
        raise Unstorable(f"a tensor that is {tensor.layout} or has gradients")
    dtype = str(tensor.dtype).removeprefix("torch.")
    order = _order(tensor.stride()) if exact else list(range(tensor.ndim))
    try:
        plain = tensor.cpu().resolve_conj().resolve_neg()
        if not plain.permute(order).is_contiguous():
            order = list(range(tensor.ndim))
        laid = plain.permute(order).contiguous()
        data = laid.reshape(-1).view(torch.uint8).numpy().data
    except (RuntimeError, TypeError) as error:
        raise Unstorable(f"a tensor of {dtype}") from error
    form = Form(dtype, list(laid.shape), order, str(tensor.device) if exact else "")
    return form, Blob((_header(dtype, laid), data))


def to_tensor(data: bytes, form: Form) -> torch.Tensor:
    """Read a tensor.

    Raises:
        ValueError: Bytes and form do not go together.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    dtype = getattr(torch, form.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"no dtype {form.dtype}")
    try:
        tensor = load(data)["tensor"]
    except SafetensorError as error:
        raise ValueError("no file of tensors") from error
    if tensor.dtype != dtype:
        tensor = tensor.view(dtype)
    return tensor.reshape(form.shape).permute(form.inverse).to(form.device)


def of_array(value: Array | numpy.generic, exact: bool) -> tuple[Form, Blob]:
    """Write an array, or a single number of numpy, down.

    Raises:
        Unstorable: Its items are objects or records.
    """
    import numpy

    array = numpy.asarray(value)
    if array.dtype.kind not in _ARRAY_KINDS:
        raise Unstorable(f"an array of {array.dtype}")
    order = _order(array.strides) if exact else list(range(array.ndim))
    if not array.transpose(order).flags.c_contiguous:
        order = list(range(array.ndim))
    laid = numpy.ascontiguousarray(array.transpose(order))
    data = laid.reshape(-1).view(numpy.uint8) if laid.size else numpy.empty(0, numpy.uint8)
    shape = [array.shape[axis] for axis in order]
    return Form(array.dtype.str, shape, order), Blob((data.data,))


def to_array(data: bytes, form: Form) -> Array:
    """Read an array. It may be written to.

    Raises:
        ValueError: Bytes and form do not go together.
    """
    import numpy

    dtype = numpy.dtype(form.dtype)
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(f"no dtype {form.dtype}")
    return numpy.frombuffer(bytearray(data), dtype).reshape(form.shape).transpose(form.inverse)


def _order(strides: tuple[int, ...]) -> list[int]:
    """Sort the axes from the outermost to the innermost."""
    return sorted(range(len(strides)), key=lambda axis: -strides[axis])


def _header(dtype: str, laid: torch.Tensor) -> bytes:
    """Make the head of a safetensors file: its length in 8 bytes, little end first, and JSON padded to 8 bytes."""
    size = laid.numel() * laid.element_size()
    shape = list(laid.shape) if dtype in _DTYPES else [size]
    entry = {"dtype": _DTYPES.get(dtype, "U8"), "shape": shape, "data_offsets": [0, size]}
    text = json.dumps({"tensor": entry}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
