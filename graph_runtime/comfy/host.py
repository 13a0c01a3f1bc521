"""The ComfyUI that our nodes are a plugin of: its folders, its progress bar, how it blocks and cancels."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from ..injected import Folders, Progress, Service, Tick


def _module(name: str) -> Any:  # a module of ComfyUI, which is not there when types are checked
    return importlib.import_module(name)


def folders() -> Folders:
    """ComfyUI's own folders."""
    paths = _module("folder_paths")
    models = (Path(paths.models_dir),)
    inputs, outputs = Path(paths.get_input_directory()), Path(paths.get_output_directory())
    return Folders(inputs, outputs, models, Path(paths.get_temp_directory()))


def progress() -> Progress:
    """Progress that ComfyUI shows, and that ends when it is cancelled there."""
    bar = _module("comfy.utils").ProgressBar(1)

    def report(tick: Tick) -> None:
        if tick.total:
            bar.update_absolute(tick.done, tick.total)

    return Progress(report, _module("comfy.model_management").processing_interrupted)


def interruption() -> BaseException:
    """What ComfyUI's nodes raise when the run was cancelled."""
    found: BaseException = _module("comfy.model_management").InterruptProcessingException()
    return found


def blocker(message: str) -> object:
    """ComfyUI's value that blocks what depends on it."""
    return _module("comfy_execution.graph").ExecutionBlocker(message or None)


def prefix() -> str:
    """What the ids of a new sub-graph begin with."""
    return str(_module("comfy_execution.graph_utils").GraphBuilder.alloc_prefix())


@cache
def service(kind: type[Service]) -> Service:
    """The one service of a class, opened when it is first asked for."""
    return kind.open(folders())
