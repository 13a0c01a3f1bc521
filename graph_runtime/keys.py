"""Names results before anything runs: the key of a step is the SHA-256 of all that its result depends on."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeAlias, cast

from .builder import Given
from .injected import NodeId
from .library import Library
from .step import Step

Ingredients: TypeAlias = dict[str, object]
"""What goes into a key, as plain JSON data: node, version, environment, and either inputs or a known value."""


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_LONG = 1 << 1024


class Unkeyable(Exception):
    """A value has no canonical JSON form."""


def ingredients(step: Step, keys: Mapping[str, str], library: Library, fresh: str, carried: str = "") -> Ingredients:
    """Collect what the result of a step depends on.

    Args:
        step: The step.
        keys: The keys of the steps that feed it.
        library: Where its node comes from.
        fresh: Stands in the key of a step whose result nothing describes; no two runs share one.
        carried: What files that it saves carry of the workflow, where that is not all of it.

    Returns:
        Plain JSON data; equal data means equal results.
    """
    node = step.node
    found: Ingredients = {
        "node": node.id,
        "version": node.version,
        "environment": library.environments[library.pack(node.id).name],
    }
    if step.known is not None:
        try:
            return found | {"value": canonical(step.known.outputs)}
        except Unkeyable:
            pass
    found["inputs"] = _inputs(step, keys, fresh)
    if step.fingerprint:
        found["fingerprint"] = step.fingerprint
    if step.fingerprint is None or not node.cached:
        found["fresh"] = f"{fresh} {step.id}"
    if carried:
        found["metadata"] = carried
    if node.sink or NodeId in node.injected.values():
        found["id"] = step.id  # an effect belongs to its own node, and so does what depends on the node's id
    return found


def _inputs(step: Step, keys: Mapping[str, str], fresh: str) -> dict[str, object]:
    inputs: dict[str, object] = {name: ["from", keys[wire.node], wire.output] for name, wire in step.wires.items()}
    for name, value in step.values.items():
        try:
            inputs[name] = ["is", canonical(value.value if isinstance(value, Given) else value)]
        except Unkeyable:
            known = value.name if isinstance(value, Given) else ""
            inputs[name] = ["given", known or f"{fresh} {step.id} {name}"]
    return inputs


def key(found: Ingredients) -> str:
    """Hash the ingredients: canonical JSON text, in which 1, 1.0, "1", true, 0.0 and -0.0 stay different."""
    return hashlib.sha256(_encode(found).encode()).hexdigest()


def canonical(value: object) -> object:
    """Bring a value into plain JSON data that only an equal value shares.

    Raises:
        Unkeyable: It holds something that JSON cannot tell, such as a tensor, or itself.
    """
    try:
        return _canonical(value)
    except RecursionError:
        raise Unkeyable("data nested too deep") from None


def _canonical(value: object) -> object:
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is int:
        return value if -_LONG < cast("int", value) < _LONG else {"integer": hex(cast("int", value))}
    if kind is float:
        return value if math.isfinite(cast("float", value)) else {"float": repr(value)}
    if kind is list:
        return [_canonical(item) for item in cast("list[object]", value)]
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, list | tuple):
        return {"kind": name, "items": [_canonical(item) for item in value]}
    if isinstance(value, dict):
        return {"kind": name, "pairs": [[_canonical(key), _canonical(item)] for key, item in value.items()]}
    if dataclasses.is_dataclass(value):
        fields = {field.name: _canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": name, "fields": fields}
    if isinstance(value, enum.Enum):
        return {"kind": name, "text": value.name}
    if isinstance(value, PurePath | bytes):
        return {"kind": name, "text": value.hex() if isinstance(value, bytes) else str(value)}
    if isinstance(value, str | int | float):
        plain = next(plain for plain in (str, int, float) if isinstance(value, plain))
        return {"kind": name, "value": _canonical(plain(value))}
    raise Unkeyable(name)
