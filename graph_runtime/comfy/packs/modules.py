"""Has the modules that packs import there while packs load and run, and only then.

They stand in `sys.modules` while any code of a pack runs: packs import inside their functions too, and through other
libraries. A module of that name that is there already stays, and what was put in is taken out after the last call.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import ModuleType, SimpleNamespace

_SHIMS: Mapping[str, str] = {
    "comfy.utils": "progress",
    "comfy.comfy_types": "comfy_types",
    "comfy.comfy_types.node_typing": "comfy_types",
    "comfy.model_management": "model_management",
    "comfy.samplers": "samplers",
    "comfy_execution.graph_utils": "graph_utils",
    "comfy_execution.graph": "blocking",
    "comfy_api.latest": "api",
    "comfy_api.v0_0_2": "api",
    "comfy_api.latest._io": "api_io",
    "comfy_api.latest._ui": "api_ui",
    "folder_paths": "folder_paths",
    "node_helpers": "node_helpers",
    "nodes": "nodes",
    "server": "prompt_server",
}
"""The modules by the names under which packs import them."""

_HOLLOW = (
    "comfy.cldm", "comfy.clip_vision", "comfy.checkpoint_pickle", "comfy.conds", "comfy.controlnet",
    "comfy.diffusers_convert", "comfy.diffusers_load", "comfy.extra_samplers", "comfy.float", "comfy.gligen",
    "comfy.hooks", "comfy.k_diffusion", "comfy.latent_formats", "comfy.ldm", "comfy.lora", "comfy.lora_convert",
    "comfy.model_base", "comfy.model_detection", "comfy.model_patcher", "comfy.model_sampling", "comfy.ops",
    "comfy.patcher_extension", "comfy.quant_ops", "comfy.sample", "comfy.sampler_helpers", "comfy.sd",
    "comfy.sd1_clip", "comfy.sdxl_clip", "comfy.supported_models", "comfy.supported_models_base", "comfy.t2i_adapter",
    "comfy.taesd", "comfy.text_encoders", "comfy.weight_adapter",
    "comfy_extras", "execution", "latent_preview",
)  # fmt: skip
"""Modules of ComfyUI's own models and samplers: packs can import them for the sake of their other nodes."""

_lock = threading.Lock()
_users = 0
_there: list[str] = []


@cache
def _modules() -> Mapping[str, ModuleType]:
    """The modules, with the packages around them."""
    home = f"{__package__}.shims"
    found = {name: importlib.import_module(f"{home}.{shim}") for name, shim in _SHIMS.items()}
    cli_args = ModuleType("comfy.cli_args")
    vars(cli_args)["args"] = SimpleNamespace(disable_metadata=False, cpu=False, preview_method="auto")
    found["comfy.cli_args"] = cli_args
    found.update({name: _hollow(name) for name in _HOLLOW})
    for name in ("comfy", "comfy_execution", "comfy_api"):
        package = ModuleType(name, "A package of modules that packs import.")
        package.__path__ = []
        inside = [inner for inner in found if inner.startswith(f"{name}.") and inner.count(".") == 1]
        vars(package).update({inner.partition(".")[2]: found[inner] for inner in inside})
        found[name] = package
    return found


def _hollow(name: str) -> ModuleType:
    """A module that holds nothing, and says so."""

    def refuse(attribute: str) -> object:
        raise AttributeError(
            f"{name}.{attribute} is not offered here: models are passed on as recipes, and sampled by nodes of our own"
        )

    module = ModuleType(name, "Holds nothing: it stands in for a part of ComfyUI that is not here.")
    module.__path__ = []
    vars(module)["__getattr__"] = refuse
    return module


@contextmanager
def importable() -> Iterator[None]:
    """Have the modules there for as long as the block lasts."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _there[:] = [name for name in _modules() if not _is_real(name)]
            sys.modules.update({name: _modules()[name] for name in _there})
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                for name in _there:
                    if sys.modules.get(name) is _modules()[name]:
                        del sys.modules[name]
                _there.clear()


def _is_real(name: str) -> bool:
    """Tell whether a module of that name, or the package it would stand in, is there already."""
    return any(one in sys.modules for one in (name, name.partition(".")[0]))
