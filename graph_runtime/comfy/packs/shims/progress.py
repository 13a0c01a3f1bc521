"""`comfy.utils`: progress bars, and resizing of tensors."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ....injected import Preview
from ..calling import current

if TYPE_CHECKING:
    import torch


class ProgressBar:
    """Tells how far the node is that made it; cancelling takes effect at its ticks.

    Args:
        total: How many steps there are.
        node_id: The node; the one that runs, whatever is said.
    """

    def __init__(self, total: int, node_id: object = None) -> None:
        self.total = total
        self.current = 0
        self.node_id = node_id
        self._progress = current().progress

    def update_absolute(self, value: float, total: int | None = None, preview: Any = None) -> None:
        """Say how many steps are done.

        Raises:
            Interrupted: The run was cancelled.
        """
        self.total = self.total if total is None else total
        self.current = int(min(value, self.total))
        picture: Callable[[], Preview] | None = None if preview is None else partial(drawn, preview)
        self._progress(self.current, int(self.total), picture)

    def update(self, value: float) -> None:
        """Say how many more steps are done."""
        self.update_absolute(self.current + value)


def drawn(preview: Any) -> Preview:
    """Encode a picture as packs give it: a format, a picture of Pillow's, and the longest side it may have."""
    format, picture, longest = (*preview, None, None)[:3]
    if longest:
        picture = picture.copy()
        picture.thumbnail((longest, longest))
    data = io.BytesIO()
    picture.convert("RGB").save(data, format=format)
    return Preview(f"image/{str(format).lower()}", data.getvalue())


def common_upscale(samples: torch.Tensor, width: int, height: int, upscale_method: str, crop: str) -> torch.Tensor:
    """Resize `[batch, channel, height, width]`; crop "center" keeps the proportions of what is in the middle."""
    import torch

    if crop == "center":
        old_width, old_height = samples.shape[-1], samples.shape[-2]
        x = round(max(0.0, old_width - old_height * width / height) / 2)
        y = round(max(0.0, old_height - old_width * height / width) / 2)
        samples = samples[..., y : old_height - y, x : old_width - x]
    mode = {"lanczos": "bicubic", "bislerp": "bilinear"}.get(upscale_method, upscale_method)
    return torch.nn.functional.interpolate(samples, size=(height, width), mode=mode)


def load_torch_file(ckpt: object, safe_load: bool = True, device: object = None) -> dict[str, torch.Tensor]:
    """Read the tensors of a safetensors file; no other format is opened."""
    from safetensors.torch import load_file

    return load_file(str(ckpt), device="cpu" if device is None else str(device))
