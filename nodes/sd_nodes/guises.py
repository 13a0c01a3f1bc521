"""How conditionings and models look to nodes written for ComfyUI, and how they are taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from graph_runtime import Guise, NodeError, Service
from sd_nodes.stand_ins import StandIn, StandInClip, StandInModel, StandInNet, StandInVae
from sd_nodes.types import Area, Clip, Condition, Conditioning, ControlNet, Model, Vae
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

OURS = "controlgraph"
"""The option of a condition under which what is ours alone travels through other packs."""

_KNOWN = frozenset({
    OURS, "pooled_output", "strength", "area", "mask", "mask_strength", "set_area_to_bounds", "start_percent",
    "end_percent",
})  # fmt: skip


class Conditionings(Guise):
    """Conditionings are lists of [embedding, options] there."""

    kind = Conditioning

    def hand(self, value: object, service: Service | None) -> object:
        """Give the list."""
        assert isinstance(value, Conditioning)
        return [[one.embedding.clone(), _options(one, value.family)] for one in value.conditions]

    def recognises(self, value: object) -> bool:
        """Tell whether something is such a list; one without conditions could be anything."""
        return isinstance(value, list) and bool(value) and all(map(_is_condition, value))

    def take(self, value: object) -> object:
        """Read the list.

        Raises:
            NodeError: It holds options that our sampler cannot follow.
        """
        assert isinstance(value, list)
        families = {_family(tensor, options) for tensor, options in value}
        if len(families) > 1:
            raise NodeError(f"the conditioning mixes texts of several kinds of models: {', '.join(sorted(families))}.")
        return Conditioning(tuple(_condition(tensor, options) for tensor, options in value), families.pop())


def _is_condition(item: object) -> bool:
    pair = isinstance(item, list | tuple) and len(item) == 2
    return pair and hasattr(item[0], "ndim") and item[0].ndim == 3 and isinstance(item[1], dict)  # type: ignore[index]


def _options(one: Condition, family: str) -> dict[str, object]:
    found: dict[str, object] = {OURS: (one, family), "pooled_output": one.pooled}
    if one.strength != 1.0:
        found["strength"] = one.strength
    if one.area is not None:
        sides = (one.area.height, one.area.width, one.area.y, one.area.x)
        found["area"] = ("percentage", *sides) if one.area.relative else tuple(int(side) for side in sides)
    if one.mask is not None:
        found |= {"mask": one.mask, "mask_strength": one.mask_strength, "set_area_to_bounds": one.mask_bounds}
    if (one.start, one.end) != (0.0, 1.0):
        found |= {"start_percent": one.start, "end_percent": one.end}
    return found


def _condition(tensor: torch.Tensor, options: Mapping[str, object]) -> Condition:
    strange = sorted(name for name, value in options.items() if name not in _KNOWN and value is not None)
    if strange:
        raise NodeError(f"the conditioning bears {', '.join(strange)}, which the samplers here cannot follow.")
    ours = options.get(OURS)
    return replace(
        ours[0] if isinstance(ours, tuple) else Condition(tensor),
        embedding=tensor,
        pooled=options.get("pooled_output"),
        strength=float(options.get("strength", 1.0)),  # type: ignore[arg-type]
        area=_area(options.get("area")),
        mask=options.get("mask"),
        mask_strength=float(options.get("mask_strength", 1.0)),  # type: ignore[arg-type]
        mask_bounds=bool(options.get("set_area_to_bounds", False)),
        start=float(options.get("start_percent", 0.0)),  # type: ignore[arg-type]
        end=float(options.get("end_percent", 1.0)),  # type: ignore[arg-type]
    )


def _area(given: object) -> Area | None:
    if not isinstance(given, tuple):
        return None
    relative = given[0] == "percentage"
    height, width, y, x = given[1:] if relative else given
    return Area(width, height, x, y, relative)


def _family(tensor: torch.Tensor, options: Mapping[str, object]) -> str:
    from sd_nodes.families import family_of

    ours = options.get(OURS)
    return str(ours[1]) if isinstance(ours, tuple) else family_of(tensor.shape[-1])


class Recipes(Guise):
    """Recipes of models are stood in for by objects with the few methods that packs call.

    Args:
        kind: The type of the recipes.
        stand_in: The class of the objects.
    """

    service = WeightStore

    def __init__(self, kind: type, stand_in: type[StandIn]) -> None:
        self.kind = kind
        self._stand_in = stand_in

    def hand(self, value: object, service: Service | None) -> object:
        """Give an object that stands in for the recipe."""
        assert isinstance(service, WeightStore)
        return self._stand_in(value, service)

    def recognises(self, value: object) -> bool:
        """Tell whether something is such an object."""
        return type(value) is self._stand_in

    def take(self, value: object) -> object:
        """Give the recipe."""
        assert isinstance(value, StandIn)
        return value.recipe


GUISES = (
    Conditionings(),
    Recipes(Model, StandInModel),
    Recipes(Clip, StandInClip),
    Recipes(Vae, StandInVae),
    Recipes(ControlNet, StandInNet),
)
