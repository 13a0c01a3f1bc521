"""Records what a step computes once, and replays it: nothing is dispatched anew, and nothing changes (CUDA graphs)."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

Compute = Callable[[Tensor, Tensor], Tensor]
"""Predicts for latents, [batch, channel, height, width], at a timestep, a scalar on their device."""

Capture = Callable[[Callable[[], Tensor]], tuple[Tensor, Callable[[], None]]]
"""Records a function without arguments: the tensor that its result will be in, and what computes it anew."""

WARMUPS = 2
"""How often a function runs before it is recorded: libraries choose their kernels and take their workspaces then."""

MOST = 6
"""How many recordings are kept; each keeps the memory of its activations."""


class Replayer(Protocol):
    """Computes one step."""

    def __call__(
        self, key: Hashable, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]
    ) -> Tensor:
        """Computes a step.

        Args:
            key: What decides the kernels: the same for steps that differ in the numbers of tensors alone.
            compute: The computation.
            seen: Its latents.
            timestep: Its timestep.
            told: All other tensors that it reads and that differ between runs of one key.
        """


def directly(key: Hashable, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]) -> Tensor:
    """Computes a step as usual."""
    return compute(seen, timestep)


@dataclass
class Recording:
    """A computation and the tensors that it reads; those of another run are copied into them.

    Args:
        seen: Its latents.
        timestep: Its timestep.
        told: All else that it reads.
        copied: What was copied into `told` last.
        result: What it computes into.
        replay: Computes it anew.
    """

    seen: Tensor
    timestep: Tensor
    told: tuple[Tensor, ...]
    copied: tuple[Tensor, ...]
    result: Tensor
    replay: Callable[[], None]

    @classmethod
    def of(
        cls, capture: Capture, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]
    ) -> "Recording":
        """Records a computation; the tensors it is told become the recording's own."""
        own, when = seen.clone(), timestep.clone()
        result, replay = capture(lambda: compute(own, when))
        return cls(own, when, tuple(told), tuple(told), result, replay)

    def __call__(self, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]) -> Tensor:
        """Computes with other numbers."""
        self.seen.copy_(seen)
        self.timestep.copy_(timestep)
        if any(one is not other for one, other in zip(told, self.copied, strict=True)):
            for own, given in zip(self.told, told, strict=True):
                own.copy_(given)
            self.copied = tuple(told)
        self.replay()
        return self.result.clone()


class Recordings:
    """Recordings by key, the latest few; where something cannot be recorded, it is computed as usual.

    Args:
        capture: How is recorded.
    """

    problem: str = ""
    """Why nothing is recorded until all is forgotten; empty as long as it is."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._kept: OrderedDict[Hashable, Recording] = OrderedDict()
        self._lock = Lock()

    def __call__(
        self, key: Hashable, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]
    ) -> Tensor:
        """Computes a step by its recording; see `Replayer`."""
        inputs = [(one.shape, one.dtype, one.device, one.is_inference()) for one in (seen, timestep, *told)]
        whole = (key, *inputs)
        with self._lock:
            found = self._kept.pop(whole, None) or self._recorded(compute, seen, timestep, told)
            if isinstance(found, str):
                # What cannot be computed either fails here: that says nothing about recording.
                result = compute(seen, timestep)
                self.problem = found
                return result
            self._kept[whole] = found
            return found(seen, timestep, told)

    def _recorded(self, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]) -> Recording | str:
        """Returns a recording, or why there is none."""
        if self.problem:
            return self.problem
        while len(self._kept) >= MOST:
            self._kept.popitem(last=False)
        try:
            return Recording.of(self._capture, compute, seen, timestep, told)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as failure:
            reason = next(iter(str(failure).splitlines()), type(failure).__name__)
            return f"the steps cannot be recorded: {reason}; each is computed as usual"

    def clear(self) -> None:
        """Forgets all, and with it the networks and the memory that they hold; others may be recorded again."""
        with self._lock:
            self._kept.clear()
            self.problem = ""


def on_cuda(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
    """Records a function as a CUDA graph; it must not wait for the GPU. Other threads may go on using the GPU.

    Not tried on a GPU yet; the tests replay by computing the same tensors anew.
    """
    current, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(current)
    with torch.cuda.stream(aside):
        for _ in range(WARMUPS):
            function()
    current.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = function()
    return result, graph.replay
