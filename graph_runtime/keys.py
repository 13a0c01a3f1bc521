"""Names results before anything runs: the key of a step is the SHA-256 of all that its result depends on."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeAlias

from .builder import Given
from .library import Library
from .step import Step

Ingredients: TypeAlias = dict[str, object]
"""What goes into a key, as plain JSON data: node, version, environment, and either inputs or a known value."""


class Unkeyable(Exception):
    """A value has no canonical JSON form."""


def ingredients(step: Step, keys: Mapping[str, str], library: Library, fresh: str) -> Ingredients:
    """Collect what the result of a step depends on.

    Args:
        step: The step.
        keys: The keys of the steps that feed it.
        library: Where its node comes from.
        fresh: Stands in the key of a step whose result nothing describes; no two runs share one.

    Returns:
        Plain JSON data; equal data means equal results.
    """
    node = step.node
    found: Ingredients = {
        "node": node.id,
        "version": node.version,
        "environment": dict(library.environments[library.pack(node.id).name]),
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
    if node.sink or "NodeId" in {getattr(kind, "__name__", "") for kind in node.injected.values()}:
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
    return dict(sorted(inputs.items()))


def key(found: Ingredients) -> str:
    """Hash the ingredients: canonical JSON text, in which 1, 1.0, "1", true, 0.0 and -0.0 stay different."""
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> object:
    """Bring a value into plain JSON data that only an equal value shares.

    Raises:
        Unkeyable: It holds something that JSON cannot tell, such as a tensor.
    """
    if value is None or (isinstance(value, str | bool | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else {"float": repr(value)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, tuple):
        return {type(value).__qualname__: [canonical(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[canonical(name), canonical(item)] for name, item in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": f"{type(value).__module__}.{type(value).__qualname__}", **named}
    if isinstance(value, enum.Enum | PurePath | bytes):
        text = value.name if isinstance(value, enum.Enum) else value.hex() if isinstance(value, bytes) else str(value)
        return {"kind": type(value).__qualname__, "text": text}
    raise Unkeyable(type(value).__qualname__)
