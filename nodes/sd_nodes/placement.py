"""Where modules compute and in which numbers: settings made fit for this machine, with a note for each change."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from graph_runtime import NodeError
from sd_nodes.main_memory import main_memory

if TYPE_CHECKING:
    from sd_nodes.types import Offload, Settings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
STORAGES = {"float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}


@final
@dataclass(frozen=True)
class Placement:
    """What of the settings this machine can do, and what had to be changed to get there.

    Args:
        device: Where is computed.
        dtype: The numbers that are computed with.
        offload: Where weights wait between their uses.
        storage: The numbers that weights wait in, where those are others.
        compiled: Whether repeated blocks are compiled.
        graphs: Whether the steps of a sampling are recorded and replayed.
        notes: What is done otherwise than asked for, a sentence each.
    """

    device: str
    dtype: torch.dtype
    offload: Offload = "none"
    storage: torch.dtype | None = None
    compiled: bool = False
    graphs: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        """The device whose memory a module takes up between its uses."""
        return self.device if self.offload == "none" else "cpu"


def place(settings: Settings) -> Placement:
    """Fit settings to this machine.

    `auto` takes the GPU where there is one. On a GPU `auto` computes in float16, on a CPU in float32. float16 on a CPU
    is hundreds of times slower than float32: bfloat16 stands in for it where the CPU has it, else float32.

    Raises:
        NodeError: The device that is asked for is not there.
    """
    device = _device(settings)
    notes: list[str] = []
    dtype = DTYPES.get(settings.dtype, torch.float32 if device == "cpu" else torch.float16)
    offload = settings.offload
    if device == "cpu" and dtype == torch.float16:
        dtype = torch.bfloat16 if has_bfloat16() else torch.float32
        notes.append(f"float16 is very slow on a CPU: computing in {str(dtype).removeprefix('torch.')} instead")
    if device == "cpu" and offload != "none":
        offload = "none"
        notes.append("offloading does nothing without a GPU: the modules stay where they are")
    storage = STORAGES.get(settings.storage)
    moving = "weights that are kept as float8" if storage else "weights that are moved layer by layer"
    moves = storage is not None or offload in ("group", "sequential")
    compiled, graphs = settings.compilation != "none", settings.graphs
    if compiled and moves:
        compiled = False
        notes.append(f"{moving} are not compiled")
    if graphs and (reason := _no_graphs(device, moves or offload != "none", moving)):
        graphs = False
        notes.append(reason)
    return Placement(device, dtype, offload, storage, compiled, graphs, tuple(notes))


def _no_graphs(device: str, moves: bool, moving: str) -> str:
    """Say why steps cannot be recorded; empty where they can."""
    if device != "cuda":
        return f"CUDA graphs need a CUDA GPU, and the model is on {device}: each step is computed as usual"
    return f"CUDA graphs need weights that stay where they are; {moving} do not" if moves else ""


def has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 matrices in hardware."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def room_for_weights(device: str) -> int:
    """Return the bytes on a device that weights may take up: half of main memory, three quarters of a GPU's."""
    return memory_of(device) // 2 if device == "cpu" else memory_of(device) * 3 // 4


def memory_of(device: str) -> int:
    """Return the bytes of memory that a device has."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    if device == "mps":
        return int(torch.mps.recommended_max_memory())
    return main_memory()


def give_back_memory() -> None:
    """Give memory that torch keeps for later back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _device(settings: Settings) -> str:
    if settings.device == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if _is_there(device))
    if not _is_there(settings.device):
        there = ", ".join(device for device in ("cpu", "cuda", "mps") if _is_there(device))
        raise NodeError(f"The device {settings.device} is not there. This machine has: {there}.")
    return settings.device


def _is_there(device: str) -> bool:
    return device == "cpu" or bool(torch.get_device_module(device).is_available())
