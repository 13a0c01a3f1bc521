"""`node_helpers`: changes conditionings as packs hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def _longer(old: Any, new: Any) -> Any:
    return new if old is None else old + new
