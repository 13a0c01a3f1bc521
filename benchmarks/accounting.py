"""Counts the bytes of tensors that come and go while something computes: on the CPU, and on tensors without data."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Accounting(TorchDispatchMode):
    """Counts storages as operations make them and let them go; what was there before counts nothing.

    What libraries take inside of an operation, such as a convolution's workspace, is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._held: dict[int, int] = {}

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as usual, and count what is new."""
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor):
                self._take(value, counted=False)
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._take(value, counted=True)
        return result

    def _take(self, tensor: Tensor, counted: bool) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._held:
            return
        self._held[key] = storage.nbytes() if counted else 0
        self.now += self._held[key]
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._give, key)

    def _give(self, key: int) -> None:
        self.now -= self._held.pop(key)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes that some work held at once, without gradients."""
    with torch.no_grad(), Accounting() as accounting:
        work()
    return accounting.peak
