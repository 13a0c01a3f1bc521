"""`comfy_api.latest`: extensions of newer packs, and what they may ask of the server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..calling import current
from . import api_io as io
from .progress import ProgressBar

__all__ = ["ComfyAPI", "ComfyAPISync", "ComfyExtension", "io", "ui"]


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


class ComfyAPI:
    """What nodes that are coroutines may ask of the server."""

    def __init__(self) -> None:
        self.execution = _Async()


class ComfyAPISync:
    """What nodes that are plain functions may ask of the server."""

    def __init__(self) -> None:
        self.execution = _Sync()


class _Ui:
    """Something for the editor to show.

    Args:
        values: Lists by what the editor calls them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def as_dict(self) -> dict[str, Any]:
        """Lists by what the editor calls them."""
        return self.values


def _pictures(images: Any) -> list[dict[str, str]]:
    """Save `[batch, height, width, channel]` in the folder for previews."""
    import numpy
    from PIL import Image

    folder = Path(current().folders.temp)
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for picture in images:
        name = f"preview_{uuid.uuid4().hex}.png"
        pixels = numpy.clip(255.0 * picture.cpu().numpy(), 0, 255).astype(numpy.uint8)
        Image.fromarray(pixels).save(folder / name, compress_level=1)
        saved.append({"filename": name, "subfolder": "", "type": "temp"})
    return saved


class ui:
    """What nodes may show."""

    class PreviewImage(_Ui):
        """Pictures, `[batch, height, width, channel]`."""

        def __init__(self, image: Any, animated: bool = False, cls: Any = None, **_: object) -> None:
            super().__init__({"images": _pictures(image), "animated": (animated,)})

    class PreviewMask(_Ui):
        """Masks, `[batch, height, width]`, in grey."""

        def __init__(self, mask: Any, cls: Any = None, **_: object) -> None:
            grey = mask.reshape(-1, mask.shape[-2], mask.shape[-1], 1).expand(-1, -1, -1, 3)
            super().__init__({"images": _pictures(grey)})

    class PreviewText(_Ui):
        """A text."""

        def __init__(self, value: str, **_: object) -> None:
            super().__init__({"text": (value,)})
