"""`comfy.model_management`: devices, and asking whether the run was cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....errors import Interrupted
from ..calling import current
from ..unoffered import stand_in

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


def get_total_memory(dev: torch.device | None = None, torch_total_too: bool = False) -> Any:
    """The bytes of a device."""
    import os

    import torch

    device = dev or get_torch_device()
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
    else:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 1 << 33
    return (total, total) if torch_total_too else total


def load_models_gpu(models: Any, *_: object, **__: object) -> None:
    """Do nothing: models are loaded when one of our nodes computes with them."""


load_model_gpu = free_memory = cleanup_models = load_models_gpu


def should_use_bf16(device: Any = None, **_: object) -> bool:
    """Tell whether bfloat16 is worth it: on cards that compute with it."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def supports_fp8_compute(device: Any = None) -> bool:
    """Tell whether numbers of 8 bits are computed with: no node of ours does."""
    return False


def vae_dtype(device: Any = None, allowed_dtypes: Any = ()) -> torch.dtype:
    """The numbers that autoencoders compute with."""
    import torch

    return torch.float32


def unet_dtype(*_: object, **__: object) -> torch.dtype:
    """The numbers that models compute with."""
    import torch

    return torch.float16 if should_use_fp16() else torch.float32


text_encoder_dtype = unet_dtype


def dtype_size(dtype: torch.dtype) -> int:
    """The bytes of one number."""
    return dtype.itemsize


def xformers_enabled() -> bool:
    """Tell whether packs may call xformers by themselves: they may not."""
    return False


def is_intel_xpu() -> bool:
    """Tell whether models compute on a card of Intel's."""
    return False


is_amd = is_directml_enabled = is_ascend_npu = is_mlu = is_intel_xpu


def cast_to_device(tensor: torch.Tensor, device: Any, dtype: Any, copy: bool = False) -> torch.Tensor:
    """Bring a tensor to a device."""
    return tensor.to(device, dtype, copy=copy)


def interrupt_current_processing(value: bool = True) -> None:
    """Do nothing: a run is cancelled by whoever posted it."""


def __getattr__(name: str) -> object:
    """What packs catch where memory ran out."""
    if name == "OOM_EXCEPTION":
        import torch

        return torch.OutOfMemoryError
    if name.startswith("__"):
        raise AttributeError(name)
    return stand_in(f"comfy.model_management.{name}")


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
