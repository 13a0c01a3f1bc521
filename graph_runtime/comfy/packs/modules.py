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
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from .unoffered import FINDER, ROOTS, filled_up, hollow

_SHIMS: Mapping[str, str] = {
    "comfy.cli_args": "cli_args",
    "comfy.utils": "progress",
    "comfy.comfy_types": "comfy_types",
    "comfy.comfy_types.node_typing": "comfy_types",
    "comfy.model_management": "model_management",
    "comfy.samplers": "samplers",
    "comfy_execution.graph_utils": "graph_utils",
    "comfy_execution.graph": "blocking",
    "comfy_execution.utils": "executing",
    "comfy_execution.progress": "executing",
    "comfy_api.latest": "api",
    "comfy_api.v0_0_1": "api",
    "comfy_api.v0_0_2": "api",
    "comfy_api.v0_0_3": "api",
    "comfy_api.input": "api_values",
    "comfy_api.input_impl": "api_values",
    "comfy_api.util": "api_values",
    "comfy_api.latest._input": "api_values",
    "comfy_api.latest._input_impl": "api_values",
    "comfy_api.latest._util": "api_values",
    "comfy_api.latest._io": "api_io",
    "comfy_api.latest._ui": "api_ui",
    "comfyui_version": "version",
    "folder_paths": "folder_paths",
    "node_helpers": "node_helpers",
    "nodes": "nodes",
    "server": "prompt_server",
    "protocol": "prompt_server",
}
"""The modules by the names under which packs import them."""

_lock = threading.Lock()
_users = 0
_there: list[str] = []


@cache
def _modules() -> Mapping[str, ModuleType]:
    """The modules, with the packages around them."""
    home = f"{__package__}.shims"
    found = {name: filled_up(importlib.import_module(f"{home}.{shim}"), name) for name, shim in _SHIMS.items()}
    packages = ("comfy", "comfy_execution", "comfy_api")
    found.update({name: hollow(name) for name in ROOTS if name not in packages})
    for name in packages:
        package = ModuleType(name, "A package of modules that packs import.")
        package.__path__ = []
        package.__spec__ = ModuleSpec(name, None, is_package=True)
        inside = [inner for inner in found if inner.startswith(f"{name}.") and inner.count(".") == 1]
        vars(package).update({inner.partition(".")[2]: found[inner] for inner in inside})
        found[name] = package
    filled_up(found["comfy"], "comfy", hollow)
    return found


def settled(home: Path) -> None:
    """Let the modules seem to lie in a folder: packs make their way from there, and write below it."""
    for name in ("execution", "folder_paths", "latent_preview", "nodes", "server"):
        _modules()[name].__file__ = str(home / f"{name}.py")


@contextmanager
def importable() -> Iterator[None]:
    """Have the modules there for as long as the block lasts."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _there[:] = [name for name in _modules() if not _is_real(name)]
            sys.modules.update({name: _modules()[name] for name in _there})
            if "comfy" in _there:
                sys.meta_path.append(FINDER)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _take_out()


def _take_out() -> None:
    """Take out what was put in, and what was found below it meanwhile."""
    if FINDER in sys.meta_path:
        sys.meta_path.remove(FINDER)
    for name in (*_there, *FINDER.found):
        if sys.modules.get(name) in (_modules().get(name), hollow(name)):
            del sys.modules[name]
    _there.clear()
    FINDER.found.clear()


def _is_real(name: str) -> bool:
    """Tell whether a module of that name, or the package it would stand in, is there already."""
    return any(one in sys.modules for one in (name, name.partition(".")[0]))
