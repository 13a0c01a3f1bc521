"""Sets how models are computed: which numbers, which attention, where the weights wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeVar

from graph_runtime import NodeError, node
from sd_nodes.types import Attention, Clip, ControlNet, Dtype, Model, SafetyChecker, Settings, Vae

R = TypeVar("R", Model, Clip, Vae, ControlNet, SafetyChecker)


@node("Model Dtype", category="model/settings", static=True)
def model_dtype(model: R, dtype: Dtype = "auto") -> R:
    """Set the numbers that a model is computed in.

    Args:
        model: The model, text encoder, VAE, ControlNet or safety checker.
        dtype: `auto` is float16 on a GPU and float32 on a CPU. float16 on a CPU is computed as bfloat16 where the CPU
            has it, else as float32.

    Returns:
        model: The same, with this setting.
    """
    return _set(model, replace(_settings(model), dtype=dtype))


@node("Model Offload", category="model/settings", static=True)
def model_offload(model: R, offload: Literal["none", "model", "sequential"] = "model") -> R:
    """Set where a model's weights wait while it is not used. Without a GPU it changes nothing.

    Args:
        model: The model, text encoder, VAE, ControlNet or safety checker.
        offload: `none` keeps it on the GPU, `model` moves it there as a whole when it is used, `sequential` moves it
            layer by layer: the least memory, and slow.

    Returns:
        model: The same, with this setting.
    """
    return _set(model, replace(_settings(model), offload=offload))


@node("Attention Backend", category="model/settings", static=True)
def attention_backend(model: R, backend: Attention = "auto") -> R:
    """Set which kernels compute a model's attention; one that cannot be used is told and replaced by torch's own.

    Args:
        model: The model, VAE or ControlNet.
        backend: `auto` takes xformers where it is installed and usable, else torch's own (`sdpa`).

    Returns:
        model: The same, with this setting.
    """
    return _set(model, replace(_settings(model), attention=backend))


def _settings(model: R) -> Settings:
    settings = getattr(model, "settings", None)
    if not isinstance(settings, Settings):
        needed = "a model, text encoder, VAE, ControlNet or safety checker"
        raise NodeError(f"found {type(model).__name__}, needs {needed}.", input="model")
    return settings


def _set(model: R, settings: Settings) -> R:
    return replace(model, settings=settings)
