"""`comfy_api.latest`: extensions of newer packs, and what they may ask of the server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from . import api_io as io
from . import api_ui as ui
from .progress import ProgressBar

__all__ = ["IO", "UI", "ComfyAPI", "ComfyAPISync", "ComfyExtension", "Input", "io", "ui"]


class ComfyExtension:
    """What newer packs derive their extension from."""

    async def on_load(self) -> None:
        """Prepare; called once, before the nodes are asked for."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Name the nodes."""
        raise NotImplementedError(f"{type(self).__name__} names no nodes")


class _Sync:
    """Progress, for nodes that are plain functions."""

    def set_progress(
        self, value: float, max_value: float, node_id: str | None = None, preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:  # fmt: skip
        """Say how far the node is.

        Raises:
            Interrupted: The run was cancelled.
        """
        preview = None if preview_image is None else ("JPEG", preview_image, None if ignore_size_limit else 512)
        ProgressBar(int(max_value)).update_absolute(value, preview=preview)


class _Async:
    """Progress, for nodes that are coroutines."""

    async def set_progress(self, *arguments: Any, **named: Any) -> None:
        """Say how far the node is.

        Raises:
            Interrupted: The run was cancelled.
        """
        _Sync().set_progress(*arguments, **named)


class _Registry:
    """Takes what packs register with ComfyUI and what stands for nothing here: replaced nodes, caches of their own."""

    async def register(self, *_: object, **__: object) -> None:
        """Take it."""

    register_provider = unregister_provider = register


class ComfyAPI:
    """What nodes that are coroutines may ask of the server."""

    def __init__(self) -> None:
        self.execution = _Async()
        self.node_replacement = self.caching = _Registry()


class ComfyAPISync:
    """What nodes that are plain functions may ask of the server."""

    def __init__(self) -> None:
        self.execution = _Sync()


Input = SimpleNamespace(Image=Any, Audio=Any, Mask=Any, Latent=Any, Video=Any)
"""Types of values, as packs write them into annotations."""

IO, UI = io, ui
