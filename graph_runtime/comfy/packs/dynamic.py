"""Inputs of newer nodes that others come with: rows that grow, choices and slots that bring inputs of their own.

What comes with an input bears its name: `images.image0` belongs to `images`. The editor sends these names as they
are; the node gets what belongs together as one dict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

GROWING = "COMFY_AUTOGROW_V3"
CHOOSING = "COMFY_DYNAMICCOMBO_V3"
SLOT = "COMFY_DYNAMICSLOT_V3"
MATCHING = "COMFY_MATCHTYPE_V3"
GROUP = "COMFY_DYNAMICGROUP_V3"

ROWS = 50
"""How many rows a group has at most, where it does not say."""

Spec: TypeAlias = Any  # what a class declares for an input: a type and options, as a pack wrote it
Sections: TypeAlias = Mapping[str, Mapping[str, Spec]]
Role: TypeAlias = Literal["others", "chosen", "rows"]
"""What a dynamic input holds: others, a value of its own beside them, or rows of others."""


@dataclass(frozen=True, slots=True)
class Live:
    """An input as it stands for what is given.

    Attributes:
        name: Its name, with those of the inputs that it comes with before it.
        section: Where it stands: required or optional.
        spec: What is declared, with a type that is no longer dynamic.
        closed: Whether its choices hold whatever the class says of it: other inputs come with them.
    """

    name: str
    section: str
    spec: Spec
    closed: bool = False


def live(found: Sections, given: Mapping[str, object], prefix: str = "") -> Iterator[Live]:
    """Give the inputs of a class as they stand for what is given.

    Args:
        found: What the class declares, by section and name.
        given: The values and links of a workflow, by name.
        prefix: What the names begin with.
    """
    for section in ("required", "optional"):
        for name, spec in found.get(section, {}).items():
            yield from _live(prefix + str(name), section, spec, given)


def _live(name: str, section: str, spec: Spec, given: Mapping[str, object]) -> Iterator[Live]:
    kind, options = _parts(spec)
    match kind:
        case "COMFY_AUTOGROW_V3":
            yield from _grown(name, options, given)
        case "COMFY_DYNAMICGROUP_V3":
            low, high = int(options.get("min", 0)), int(options.get("max", ROWS))
            yield Live(name, "optional", ("INT", {"default": low, "min": low, "max": high}))
            for row in range(_rows_of(name, options, given)):
                yield from live(options.get("template", {}), given, f"{name}.{row}.")
        case "COMFY_DYNAMICCOMBO_V3":
            keys = [one.get("key") for one in _options(options)]
            yield Live(name, section, ("COMBO", {**options, "options": keys}), closed=True)
            yield from live(_chosen(options, given.get(name)), given, f"{name}.")
        case "COMFY_DYNAMICSLOT_V3":
            yield Live(name, "optional", (options.get("slotType", "*"), {**options, "forceInput": True}))
            if name in given:
                yield from live(options.get("inputs", {}), given, f"{name}.")
        case "COMFY_MATCHTYPE_V3":
            yield Live(name, section, (options.get("template", {}).get("allowed_types", "*"), options))
        case _:
            yield Live(name, section, spec)


def _grown(name: str, options: Mapping[str, Any], given: Mapping[str, object]) -> Iterator[Live]:
    """The rows of an input that grows: those that it needs at least, and those that are given."""
    section, spec = _row(options)
    needed = int(options["template"].get("min", 0)) if section == "required" else 0
    for place, row in enumerate(rows(options)):
        if place < needed or f"{name}.{row}" in given:
            yield Live(f"{name}.{row}", "required" if place < needed else "optional", spec)


def _rows_of(name: str, options: Mapping[str, Any], given: Mapping[str, object]) -> int:
    """How many rows of a group there are: as many as are needed, said or given, and no more than there may be."""
    said = _lone(given.get(name))
    inside = [one.removeprefix(f"{name}.").partition(".")[0] for one in given if one.startswith(f"{name}.")]
    counts = [int(options.get("min", 0)), *(int(row) + 1 for row in inside if row.isdecimal() and len(row) < 4)]
    counts += [said] if isinstance(said, int) else []
    return min(max(counts), int(options.get("max", ROWS)))


def _row(options: Mapping[str, Any]) -> tuple[str, Spec]:
    """Where a row stands and what it takes: the one input of the template."""
    template = options["template"]["input"]
    return next((section, spec) for section, part in template.items() for spec in part.values())


def is_dynamic(found: Sections, name: str) -> bool:
    """Tell whether a name belongs to a dynamic input."""
    root = name.partition(".")[0]
    return any(_parts(part.get(root))[0] in (GROWING, CHOOSING, SLOT, GROUP) for part in found.values())


def rows(options: Mapping[str, Any]) -> list[str]:
    """The names of all rows that an input may grow to."""
    template = options["template"]
    if "names" in template:
        return [str(name) for name in template["names"]]
    return [f"{template.get('prefix', '')}{place}" for place in range(int(template.get("max", 0)))]


def _options(options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in options.get("options", ()) if isinstance(one, Mapping)]


def _chosen(options: Mapping[str, Any], key: object) -> Sections:
    """The inputs that come with a choice; none where it is not among the choices."""
    return next((one.get("inputs", {}) for one in _options(options) if one.get("key") == _lone(key)), {})


def folded(found: Sections, values: Mapping[str, Any], paired: bool = False) -> dict[str, Any]:
    """Gather what belongs together: a dict for each dynamic input, a list of dicts for a group of rows.

    What belongs to another choice is dropped.

    Args:
        found: What the class declares, by section and name.
        values: The values by name.
        paired: Whether each value inside is given with its whole name, as nodes are asked which they want.
    """
    nests = dict(_nests(found, values, ""))
    result: dict[str, Any] = {}
    for name, role in nests.items():
        nest = _at(result, name)
        if role == "chosen":
            nest[name.rpartition(".")[2]] = (values[name], name) if paired else values[name]
    for name, value in values.items():
        around, _, last = name.rpartition(".")
        if around in nests:
            _at(result, around)[last] = (value, name) if paired else value
        elif name not in nests:
            result[name] = value
    for name in reversed([name for name, role in nests.items() if role == "rows"]):
        around, _, last = name.rpartition(".")
        nest = _at(result, around) if around else result
        nest[last] = list(nest[last].values())
    return result


def _nests(found: Sections, given: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Role]]:
    """The dynamic inputs by their whole names, outer ones first, and what each holds."""
    for section in ("required", "optional"):
        for key, spec in found.get(section, {}).items():
            kind, options = _parts(spec)
            name = f"{prefix}{key}"
            if kind == GROWING:
                yield name, "others"
            elif kind == GROUP:
                yield name, "rows"
                for row in range(_rows_of(name, options, given)):
                    yield f"{name}.{row}", "others"
                    yield from _nests(options.get("template", {}), given, f"{name}.{row}.")
            elif kind in (CHOOSING, SLOT) and name in given:
                yield name, "chosen"
                inside = _chosen(options, given[name]) if kind == CHOOSING else options.get("inputs", {})
                yield from _nests(inside, given, f"{name}.")


def _at(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The dict of a dynamic input, made where it is not there yet."""
    for part in name.split("."):
        result = result.setdefault(part, {})
    return result


def _parts(spec: Spec) -> tuple[object, Mapping[str, Any]]:
    if isinstance(spec, str) or not isinstance(spec, list | tuple) or not spec:
        return spec, {}
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], Mapping) else {}
    return spec[0] if isinstance(spec[0], str) else "", options


def _lone(value: object) -> object:
    """The one value where a node takes lists."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
