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

_CAPTURING = Lock()
"""Held while a graph is recorded: torch allows one at a time in a process."""

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
        compute: What was recorded; it keeps alive whatever else is read: a graph knows addresses and holds nothing.
    """

    seen: Tensor
    timestep: Tensor
    told: tuple[Tensor, ...]
    copied: tuple[Tensor, ...]
    result: Tensor
    replay: Callable[[], None]
    compute: Compute

    @classmethod
    def of(
        cls, capture: Capture, compute: Compute, seen: Tensor, timestep: Tensor, told: Sequence[Tensor]
    ) -> "Recording":
        """Records a computation; the tensors it is told become the recording's own."""
        own, when = seen.clone(), timestep.clone()
        result, replay = capture(lambda: compute(own, when))
        return cls(own, when, tuple(told), tuple(told), result, replay, compute)

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
            first = _first(failure)
            if isinstance(first, torch.OutOfMemoryError):
                raise first from None
            reason = next(iter(str(first).splitlines()), type(first).__name__)
            return f"the steps cannot be recorded: {reason}; each is computed as usual"

    def clear(self) -> None:
        """Forgets all, and with it the networks and the memory that they hold; others may be recorded again."""
        with self._lock:
            self._kept.clear()
            self.problem = ""


def _first(failure: BaseException) -> BaseException:
    """What failed first: where a recording fails, ending it fails too, and says less."""
    while failure.__context__ is not None:
        failure = failure.__context__
    return failure


def on_cuda(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
    """Records a function as a CUDA graph, after `WARMUPS` runs aside.

    The function must not wait for the GPU and draws no random numbers. What it reads is read at the same addresses by
    each replay, so whoever replays keeps it alive. Replays run on the caller's current stream, one after the other.
    Other threads may go on using the GPU meanwhile, but record nothing. Where recording fails the caller stays on the
    stream that it was on. The tests compare replays with eager steps, to the bit, on a CUDA GPU where there is one;
    elsewhere they replay by computing the same tensors anew, which shows nothing about streams and memory.
    """
    current, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with _CAPTURING:
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(WARMUPS):
                function()
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                result = function()
        finally:
            torch.cuda.set_stream(current)  # a recording that fails would leave the thread on the stream of its own
    return result, graph.replay
