"""`comfy.model_management`: devices, and asking whether the run was cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....errors import Interrupted
from ..calling import current

if TYPE_CHECKING:
    import torch

InterruptProcessingException = Interrupted


def get_torch_device() -> torch.device:
    """The device that models compute on."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _cpu() -> torch.device:
    import torch

    return torch.device("cpu")


def intermediate_device() -> torch.device:
    """The device of what flows between nodes: the main memory."""
    return _cpu()


def unet_offload_device() -> torch.device:
    """Where models wait."""
    return _cpu()


def vae_offload_device() -> torch.device:
    """Where autoencoders wait."""
    return _cpu()


def text_encoder_offload_device() -> torch.device:
    """Where text encoders wait."""
    return _cpu()


def text_encoder_device() -> torch.device:
    """The device that text encoders compute on."""
    return get_torch_device()


def vae_device() -> torch.device:
    """The device that autoencoders compute on."""
    return get_torch_device()


def get_autocast_device(dev: torch.device) -> str:
    """The kind of a device, as autocast wants it."""
    return dev.type


def is_device_cpu(device: torch.device) -> bool:
    """Tell whether a device is the processor."""
    return device.type == "cpu"


def is_device_mps(device: torch.device) -> bool:
    """Tell whether a device is Apple's."""
    return device.type == "mps"


def is_nvidia() -> bool:
    """Tell whether models compute on an NVIDIA card."""
    import torch

    return torch.cuda.is_available() and torch.version.cuda is not None


def should_use_fp16(device: Any = None, **_: object) -> bool:
    """Tell whether half precision is worth it: on a graphics card."""
    return get_torch_device().type != "cpu"


def get_free_memory(dev: torch.device | None = None, torch_free_too: bool = False) -> Any:
    """The free bytes of a device."""
    import torch

    device = dev or get_torch_device()
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _free_main_memory()
    return (free, free) if torch_free_too else free


def _free_main_memory() -> int:
    import os

    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 1 << 32


def soft_empty_cache(force: bool = False) -> None:
    """Give what torch holds in reserve back to the graphics card."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def unload_all_models() -> None:
    """Do nothing: the weight store lets go of models as it needs the room."""


def processing_interrupted() -> bool:
    """Tell whether the run was cancelled."""
    try:
        current().progress.check()
    except Interrupted:
        return True
    return False


def throw_exception_if_processing_interrupted() -> None:
    """Stop here if the run was cancelled.

    Raises:
        Interrupted: It was.
    """
    current().progress.check()
