"""A toy accelerator: a device of its own in main memory, computed by the CPU, that counts its bytes and can run out.

It lets offloading and running out of memory be tested without a GPU: modules move to it and away, its allocator takes
and gives back as storages come and go, and over its limit it raises what torch's allocators raise. It rests on torch's
interface for devices written in Python, which is young: `available` says whether this torch has it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from diffusers.hooks import group_offloading
from torch import Tensor, UntypedStorage
from torch.utils import backend_registration
from torch.utils._pytree import tree_map

NAME = "toy"
META = torch._C.DispatchKeySet(torch._C.DispatchKey.Meta)
SET = torch.ops.aten.set_.source_Storage_storage_offset
VIEWS = ("as_strided", "view", "unfold", "_reshape_alias", "set_.source_Storage_storage_offset", "set_.source_Tensor")
LIBRARIES: list[torch.library.Library] = []
"""Registrations last as long as these."""


@dataclass
class Memory:
    """The bytes of the device.

    Args:
        now: Those in use.
        peak: The most that were in use at once since `peak` was set.
        limit: How many there are.
        waits: How often numbers went to the device or came from it: on a GPU the host waits for each.
    """

    now: int = 0
    peak: int = 0
    limit: int | None = None
    waits: int = 0
    real: dict[int, UntypedStorage] = field(default_factory=dict)
    toys: dict[int, weakref.ref[UntypedStorage]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    def toy_of(self, storage: UntypedStorage) -> UntypedStorage:
        """The storage on the device that stands for one in main memory."""
        known = self.toys.get(storage._cdata)
        if known is not None and (toy := known()) is not None:
            return toy
        toy = torch._C._acc.create_empty_tensor((0,), torch.uint8).untyped_storage()
        self.real[toy._cdata], self.toys[storage._cdata], self.sizes[toy._cdata] = storage, weakref.ref(toy), 0
        weakref.finalize(toy, self._freed, toy._cdata, storage._cdata)
        self.resized(toy)
        return toy

    def resized(self, toy: UntypedStorage) -> None:
        """Take up the bytes that a storage has now.

        Raises:
            torch.OutOfMemoryError: There are not that many.
        """
        more = self.real[toy._cdata].nbytes() - self.sizes[toy._cdata]
        if self.limit is not None and self.now + more > self.limit:
            raise torch.OutOfMemoryError(f"toy out of memory: tried to allocate {more}, {self.limit - self.now} free")
        self.sizes[toy._cdata] += more
        self.now += more
        self.peak = max(self.peak, self.now)

    def _freed(self, toy: int, storage: int) -> None:
        self.now -= self.sizes.pop(toy)
        del self.real[toy], self.toys[storage]


MEMORY = Memory()


@contextmanager
def limited(limit: int | None) -> Iterator[Memory]:
    """Count from here, with room for so many more."""
    MEMORY.peak, MEMORY.limit = MEMORY.now, None if limit is None else MEMORY.now + limit
    try:
        yield MEMORY
    finally:
        MEMORY.limit = None


@contextmanager
def swapping() -> Iterator[None]:
    """Let diffusers bring groups of layers here: torch lets `.data` be set across its own kinds of devices only, so on
    this one whole parameters are swapped."""

    def swap(own: Tensor, other: Tensor) -> None:
        torch.utils.swap_tensors(own, torch.nn.Parameter(other, requires_grad=False))

    usual = group_offloading._is_torchao_tensor, group_offloading._swap_torchao_tensor
    group_offloading._is_torchao_tensor = lambda each: isinstance(each, torch.nn.Parameter)
    group_offloading._swap_torchao_tensor = swap
    try:
        yield
    finally:
        group_offloading._is_torchao_tensor, group_offloading._swap_torchao_tensor = usual


@cache
def available() -> bool:
    """Register the device, once; tell whether this torch can."""
    setup = getattr(backend_registration, "_setup_privateuseone_for_python_backend", None)
    if setup is None:
        return False
    setup(NAME)
    torch.toy.get_amp_supported_dtype = lambda: [torch.bfloat16]  # torch asks wherever it enters autocast again
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(_computed, "PrivateUse1")
    own = torch.library.Library("aten", "IMPL")
    for name in VIEWS:
        packet, _, overload = name.partition(".")
        own.impl(name, _as_meta(getattr(getattr(torch.ops.aten, packet), overload or "default")), "PrivateUse1")
    for name, function in {
        "_copy_from": _copied,
        "empty.memory_format": _empty,
        "empty_strided": _empty_strided,
        "_local_scalar_dense": _number,
        "convolution_overrideable": _as_on_the_cpu(torch.ops.aten.convolution),
        "scaled_dot_product_attention": _as_on_the_cpu(torch.nn.functional.scaled_dot_product_attention),
        "native_group_norm": _as_on_the_cpu(torch.ops.aten.native_group_norm),
    }.items():
        own.impl(name, function, "PrivateUse1")
    LIBRARIES.extend((everything, own))
    return True


def _toy(value: object) -> object:
    if not isinstance(value, Tensor):
        return value
    empty = torch._C._acc.create_empty_tensor((0,), value.dtype)
    storage = MEMORY.toy_of(value.untyped_storage())
    return SET.redispatch(META, empty, storage, value.storage_offset(), value.shape, value.stride())


def _real(value: object) -> object:
    if isinstance(value, torch.device):
        return torch.device("cpu")
    if not isinstance(value, Tensor) or value.device.type != NAME:
        return value
    storage = MEMORY.real[value.untyped_storage()._cdata]
    return torch.empty(0, dtype=value.dtype).set_(storage, value.storage_offset(), value.shape, value.stride())


def _computed(op: Any, *args: object, **kwargs: object) -> object:
    """Compute on the CPU; what an operation writes into stays the same tensor on the device."""
    real_args, real_kwargs = tree_map(_real, (args, kwargs))
    result = op(*real_args, **real_kwargs)
    if not op._schema.is_mutable:
        return tree_map(_toy, result)
    names = [each.name for each in op._schema.arguments]
    toys = {**dict(zip(names, args, strict=False)), **kwargs}
    reals = {**dict(zip(names, real_args, strict=False)), **real_kwargs}
    written = [each.name for each in op._schema.arguments if each.alias_info is not None and each.alias_info.is_write]
    for name in written:
        toy, real = toys[name], reals[name]
        if toy.shape != real.shape:
            SET.redispatch(META, toy, toy.untyped_storage(), real.storage_offset(), real.shape, real.stride())
            MEMORY.resized(toy.untyped_storage())
    found = tuple(toys[name] for name in written)
    return found[0] if len(found) == 1 else found


def _as_on_the_cpu(function: Callable[..., object]) -> Callable[..., object]:
    """What torch would take apart into smaller operations on a device that it does not know."""
    return lambda *args, **kwargs: tree_map(_toy, function(*tree_map(_real, args), **tree_map(_real, kwargs)))


def _as_meta(op: Any) -> Callable[..., object]:
    """Views need only shapes, which the kernels for tensors without data compute."""
    return lambda *args, **kwargs: op.redispatch(META, *args, **kwargs)


def _number(tensor: Tensor) -> object:
    MEMORY.waits += 1
    return _real(tensor).item()


def _copied(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    MEMORY.waits += source.device != target.device
    _real(target).copy_(_real(source))
    return target


def _empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: object) -> object:
    return _toy(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: object) -> object:
    return _toy(torch.empty_strided(size, stride, dtype=dtype))
