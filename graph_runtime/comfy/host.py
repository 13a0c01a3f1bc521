"""Whoever calls our nodes as classes in ComfyUI's way: ComfyUI itself, or a pack on our own engine."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from ..injected import Folders, Preview, Progress, Service, Tick


class Host(Protocol):
    """What classes made of our nodes have to know of whoever calls them.

    Attributes:
        methods: What the function of a class is called, by the id of the node; `run` where nothing is said.
        orders: What these functions take first, where that is not the order of the node's sockets.
    """

    methods: Mapping[str, str]
    orders: Mapping[str, Sequence[str]]

    def id(self, id: str) -> str:
        """What a node of ours is called there."""

    def word(self, word: str) -> str:
        """What a word of our types is called there; of a set of words, each of them."""

    def folders(self) -> Folders:
        """Where files lie."""

    def progress(self) -> Progress:
        """Progress that is shown there, and that ends when the run is cancelled there."""

    def service(self, kind: type[Service]) -> Service:
        """The service of a class."""

    def interruption(self) -> BaseException:
        """What nodes raise there when the run was cancelled."""

    def blocker(self, message: str) -> object:
        """The value that blocks what depends on it."""

    def prefix(self) -> str:
        """What the ids of a new sub-graph begin with."""

    def hand(self, value: object) -> object:
        """A value of ours as it is known there."""

    def take(self, value: object) -> object:
        """The value of ours behind what is known there."""


def _module(name: str) -> Any:  # a module of ComfyUI, which is not there when types are checked
    return importlib.import_module(name)


class ComfyUI:
    """ComfyUI, of which our nodes are a plugin.

    Ids and the words of our own types get a prefix: it has nodes of the same ids, and its models are not our recipes.
    Pictures, masks, latents and plain values are its own and keep their words.
    """

    PREFIX = "ControlGraph"
    SHARED = frozenset({"IMAGE", "MASK", "LATENT", "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "*"})
    methods: Mapping[str, str] = {}
    orders: Mapping[str, Sequence[str]] = {}

    def id(self, id: str) -> str:
        """Put the prefix before it."""
        return f"{self.PREFIX}{id}"

    def word(self, word: str) -> str:
        """Put a prefix before each word that is ours alone."""
        parts = (part.strip() for part in word.split(","))
        return ",".join(part if part in self.SHARED else f"CONTROLGRAPH_{part}" for part in parts)

    def folders(self) -> Folders:
        """ComfyUI's own folders."""
        paths = _module("folder_paths")
        models = (Path(paths.models_dir), *_lists_of_models())
        inputs, outputs = Path(paths.get_input_directory()), Path(paths.get_output_directory())
        return Folders(inputs, outputs, models, Path(paths.get_temp_directory()))

    def progress(self) -> Progress:
        """ComfyUI's bar; what a node says stands beside it."""
        bar = _module("comfy.utils").ProgressBar(1)

        def report(tick: Tick) -> None:
            if tick.total:
                bar.update_absolute(tick.done, tick.total, _drawn(tick.preview))

        return Progress(report, _module("comfy.model_management").processing_interrupted, previews=True)

    def service(self, kind: type[Service]) -> Service:
        """The one service of a class, opened when it is first asked for."""
        return _opened(kind)

    def interruption(self) -> BaseException:
        """ComfyUI's own exception."""
        found: BaseException = _module("comfy.model_management").InterruptProcessingException()
        return found

    def blocker(self, message: str) -> object:
        """ComfyUI's own value."""
        return _module("comfy_execution.graph").ExecutionBlocker(message or None)

    def prefix(self) -> str:
        """One that ComfyUI gives out."""
        return str(_module("comfy_execution.graph_utils").GraphBuilder.alloc_prefix())

    def hand(self, value: object) -> object:
        """As it is: our recipes flow among our own nodes only."""
        return value

    def take(self, value: object) -> object:
        """As it is."""
        return value


def _lists_of_models() -> Iterator[Path]:
    """The files that say where further models lie, as ComfyUI's command line names them."""
    options = getattr(sys.modules.get("comfy.cli_args"), "args", None)
    for given in getattr(options, "extra_model_paths_config", None) or ():
        yield from (Path(path) for path in ([given] if isinstance(given, str) else given))


@cache
def _opened(kind: type[Service]) -> Service:
    return kind.open(ComfyUI().folders())


def _drawn(preview: Preview | None) -> object:
    """A preview as ComfyUI's bar takes it: a format, a picture of Pillow's, and the longest side it may have."""
    if preview is None:
        return None
    from PIL import Image

    return "JPEG", Image.open(io.BytesIO(preview.data)).convert("RGB"), None
