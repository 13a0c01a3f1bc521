"""Sets how models are computed: which numbers, which kernels, where the weights wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from graph_runtime import NodeError, node
from sd_nodes.recipes import Compilation, Storage
from sd_nodes.types import Attention, Clip, ControlNet, Dtype, Model, Offload, SafetyChecker, Settings, Vae

R = TypeVar("R", Model, Clip, Vae, ControlNet, SafetyChecker)


@node("Model Dtype", category="model/settings", static=True)
def model_dtype(model: R, dtype: Dtype = "auto", storage: Storage = "same") -> R:
    """Set the numbers that a model is computed in, and those that its weights wait in.

    What that changes in a picture of the demonstration model, against float32, in the mean of its 255 grey levels:
    bfloat16 0.6, weights kept as float8_e4m3fn 4, as float8_e5m2 7.

    Args:
        model: The model, text encoder, VAE, ControlNet or safety checker.
        dtype: `auto` is float16 on a GPU and float32 on a CPU. float16 on a CPU is computed as bfloat16 where the CPU
            has it, else as float32.
        storage: `same` keeps weights as they are computed with. float8 takes one byte for each and widens a layer's
            weights while it computes: slower, and the picture changes. `float8_e4m3fn` is the more exact one.

    Returns:
        model: The same, with this setting.
    """
    return _set(model, replace(_settings(model), dtype=dtype, storage=storage))


@node("Model Offload", category="model/settings", static=True)
def model_offload(model: R, offload: Offload = "model") -> R:
    """Set where a model's weights wait while it is not used. Without a GPU it changes nothing.

    Args:
        model: The model, text encoder, VAE, ControlNet or safety checker.
        offload: `none` keeps it on the GPU, `model` moves it there as a whole when it is used, `group` moves the next
            layer while one computes, `sequential` moves layer by layer: the least memory, and slow.

    Returns:
        model: The same, with this setting.
    """
    return _set(model, replace(_settings(model), offload=offload))


@node("VAE Memory", category="model/settings", id="VAEMemory", static=True)
def vae_memory(vae: Vae, sliced: bool = True, tiled: bool = True) -> Vae:
    """Set how an autoencoder saves memory.

    Args:
        vae: The autoencoder.
        sliced: Take the pictures of a batch one by one.
        tiled: Take pictures that are larger than the autoencoder was trained on in overlapping tiles. Theirs differ
            a little from those taken whole: by 1.2 of 255 grey levels in the mean, at twice the demonstration model's
            size.

    Returns:
        vae: The same, with these settings.
    """
    return replace(vae, sliced=sliced, tiled=tiled)


@node("Attention Backend", category="model/settings", static=True)
def attention_backend(
    model: R, backend: Attention = "auto", compilation: Compilation = "none", cuda_graphs: bool = False
) -> R:
    """Set which kernels compute a model; what cannot be used is told and replaced by what is always there.

    Args:
        model: The model, VAE or ControlNet.
        backend: What computes attention. `auto` takes xformers where it is installed and usable, else torch's own
            (`sdpa`), which takes the fastest of its kernels; with `sdpa_` and a name it takes that one.
        compilation: `regional` compiles the blocks that a network repeats when they are first computed; the kernels
            are kept for later runs. The picture changes in the last bits.
        cuda_graphs: Record the steps of a sampling once and replay them: nothing changes but the time. For a model
            whose weights stay on a CUDA GPU.

    Returns:
        model: The same, with this setting.
    """
    changed = replace(_settings(model), attention=backend, compilation=compilation, graphs=cuda_graphs)
    return _set(model, changed)


def _settings(model: R) -> Settings:
    settings = getattr(model, "settings", None)
    if not isinstance(settings, Settings):
        needed = "a model, text encoder, VAE, ControlNet or safety checker"
        raise NodeError(f"found {type(model).__name__}, needs {needed}.", input="model")
    return settings


def _set(model: R, settings: Settings) -> R:
    return replace(model, settings=settings)
