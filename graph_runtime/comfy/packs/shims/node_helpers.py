"""`node_helpers`: changes conditionings as packs hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def conditioning_set_values(
    conditioning: list[list[Any]], values: Mapping[str, object] | None = None, append: bool = False
) -> list[list[Any]]:
    """Give a conditioning with options set on each of its conditions; with `append`, lists grow by them."""
    changed = []
    for tensor, options in conditioning:
        added = dict(values or {})
        if append:
            added = {name: _longer(options.get(name), value) for name, value in added.items()}
        changed.append([tensor, {**options, **added}])
    return changed


def conditioning_set_values_with_timestep_range(
    conditioning: list[list[Any]],
    values: Mapping[str, object] | None = None,
    start_percent: float = 0.0,
    end_percent: float = 1.0,
) -> list[list[Any]]:
    """Set options on the part of each condition that lies between two points of the run; leave the rest of it."""
    changed = []
    for tensor, options in conditioning:
        begin, end = float(options.get("start_percent", 0.0)), float(options.get("end_percent", 1.0))
        low, high = max(begin, start_percent), min(end, end_percent)
        if low >= high:
            changed.append([tensor, options])
            continue
        parts = [(begin, low, {}), (low, high, dict(values or {})), (high, end, {})]
        changed += [
            [tensor, {**options, **more, "start_percent": first, "end_percent": last}]
            for first, last, more in parts
            if first < last
        ]
    return changed


def pillow(fn: Callable[[Any], T], arg: Any) -> T:
    """Call one of Pillow's functions; where a picture is cut off, what there is of it is read."""
    from PIL import ImageFile, UnidentifiedImageError

    try:
        return fn(arg)
    except (OSError, UnidentifiedImageError, ValueError):
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
        try:
            return fn(arg)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def hasher() -> Callable[..., Any]:
    """What digests files."""
    return hashlib.sha256


def string_to_torch_dtype(string: str) -> Any:
    """The type of numbers that packs call fp32, fp16 or bf16; None for others."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(string)


def _longer(old: Any, new: Any) -> Any:
    return new if old is None else old + new
