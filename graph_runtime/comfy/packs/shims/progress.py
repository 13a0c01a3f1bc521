"""`comfy.utils`: progress bars, and resizing of tensors."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....errors import NodeError
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
    if hasattr(picture, "cpu"):
        picture = _of_tensor(picture)
    if longest:
        picture = picture.copy()
        picture.thumbnail((longest, longest))
    data = io.BytesIO()
    picture.convert("RGB").save(data, format=format)
    return Preview(f"image/{str(format).lower()}", data.getvalue())


def _of_tensor(picture: Any) -> Any:
    """A picture of Pillow's from `[height, width, channel]`, or from the first of a batch."""
    from PIL import Image

    one = picture[0] if picture.ndim == 4 else picture
    return Image.fromarray((one.clamp(0, 1) * 255).byte().cpu().numpy())


def common_upscale(samples: torch.Tensor, width: int, height: int, upscale_method: str, crop: str) -> torch.Tensor:
    """Resize `[batch, channel, height, width]`; crop "center" keeps the proportions of what is in the middle."""
    import torch

    if crop == "center":
        old_width, old_height = samples.shape[-1], samples.shape[-2]
        x = round(max(0.0, old_width - old_height * width / height) / 2)
        y = round(max(0.0, old_height - old_width * height / width) / 2)
        samples = samples[..., y : old_height - y, x : old_width - x]
    if upscale_method == "lanczos":
        return lanczos(samples, width, height)
    if upscale_method == "bislerp":
        return bislerp(samples, width, height)
    return torch.nn.functional.interpolate(samples, size=(height, width), mode=upscale_method)


def lanczos(samples: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Resize pictures, `[batch, channel, height, width]` from 0 to 1, by Lanczos' filter; in whole bytes, as Pillow."""
    import numpy
    import torch
    from PIL import Image

    shades = (samples.clamp(0, 1) * 255).byte().cpu().numpy()
    drawn = [
        numpy.stack(
            [numpy.asarray(Image.fromarray(layer).resize((width, height), Image.Resampling.LANCZOS)) for layer in one]
        )
        for one in shades
    ]
    return torch.from_numpy(numpy.stack(drawn)).to(samples.device, samples.dtype) / 255


def bislerp(samples: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Resize latents, `[batch, channel, height, width]`, along the sphere, as LatentUpscale does."""
    from .nodes import NODE_CLASS_MAPPINGS

    scale = NODE_CLASS_MAPPINGS["LatentUpscale"]().upscale
    (found,) = scale(samples={"samples": samples}, upscale_method="bislerp", width=width * 8, height=height * 8,
                     crop="disabled")  # fmt: skip
    resized: torch.Tensor = found["samples"]
    return resized


def repeat_to_batch_size(tensor: torch.Tensor, batch_size: int, dim: int = 0) -> torch.Tensor:
    """Repeat a batch, or cut it off, so that it has a size."""
    import torch

    times = -(-batch_size // tensor.shape[dim])
    return torch.cat([tensor] * times, dim).narrow(dim, 0, batch_size) if times != 0 else tensor


def save_torch_file(sd: dict[str, torch.Tensor], ckpt: str, metadata: dict[str, str] | None = None) -> None:
    """Write tensors as a safetensors file."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in sd.items()}, ckpt, metadata=metadata)


def load_torch_file(
    ckpt: object, safe_load: bool = True, device: object = None, return_metadata: bool = False
) -> Any:  # fmt: skip
    """Read the tensors of a safetensors file, and what it says of itself where that is asked for.

    Raises:
        NodeError: It is in another format: those can hold programs, so none is opened.
    """
    from safetensors import safe_open

    if not str(ckpt).casefold().endswith((".safetensors", ".sft")):
        raise NodeError(f"{Path(str(ckpt)).name} is no safetensors file; other formats can hold programs.")
    with safe_open(str(ckpt), framework="pt", device="cpu" if device is None else str(device)) as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return (found, file.metadata()) if return_metadata else found
