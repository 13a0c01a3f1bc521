"""Where modules compute and in which numbers: settings made fit for this machine, with a note for each change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from graph_runtime import NodeError

if TYPE_CHECKING:
    from sd_nodes.types import Offload, Settings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@final
@dataclass(frozen=True)
class Placement:
    """A device, a dtype and an offload that this machine has, and what had to be changed to get there."""

    device: str
    dtype: torch.dtype
    offload: Offload
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
    if offload == "sequential" and settings.attention not in ("auto", "sdpa"):
        notes.append(f"sequential offloading goes with torch's own attention: {settings.attention} is not used")
    return Placement(device, dtype, offload, tuple(notes))


def has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 matrices in hardware."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def room_for_weights(device: str) -> int:
    """Return the bytes on a device that weights may take up: half of its memory, on a GPU of its own three quarters."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1]) * 3 // 4
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _device(settings: Settings) -> str:
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if settings.device == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if present[device])
    if not present[settings.device]:
        there = ", ".join(device for device, is_there in present.items() if is_there)
        raise NodeError(f"The device {settings.device} is not there. This machine has: {there}.")
    return settings.device
