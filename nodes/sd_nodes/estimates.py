"""What the models of a graph weigh, from the headers of their files, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sd_nodes.sources import estimate
from sd_nodes.types import Clip, ControlNet, Model, Recipe, SafetyChecker, Vae

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graph_runtime import Folders, Step

TITLES: dict[type[Recipe], str] = {
    Model: "UNet",
    ControlNet: "ControlNet",
    Clip: "text encoder",
    Vae: "VAE",
    SafetyChecker: "safety checker",
}
"""What each kind of recipe is called, in the order in which they are told."""

FULL, HALF = 4, 2
"""The bytes of a parameter in float32, and in float16 or bfloat16."""


def weights(steps: Mapping[str, Step], folders: Folders) -> Iterator[str]:
    """Tell how many parameters the models of a graph have, and the memory that they take up.

    Models that only a run can name are left out. Where weights are shared they count once.
    """
    recipes = dict.fromkeys(_recipes(steps))
    if not recipes:
        return
    whole = estimate(recipes, folders)
    parts = [
        f"{title} {_millions(estimate(own, folders).parameters)}"
        for kind, title in TITLES.items()
        if (own := [recipe for recipe in recipes if type(recipe) is kind])
    ]
    full, half = (_gigabytes(whole.parameters * each) for each in (FULL, HALF))
    yield (
        f"models: {_millions(whole.parameters)} million parameters ({', '.join(parts)}); "
        f"{_gigabytes(whole.bytes)} in their files, {full} in float32, {half} in float16"
    )


def _recipes(steps: Mapping[str, Step]) -> Iterator[Recipe]:
    """The recipes that nodes compute with, as far as loaders are known to give them."""
    for step in steps.values():
        if not step.node.static:
            yield from _wired(step, steps)


def _wired(step: Step, steps: Mapping[str, Step]) -> Iterable[Recipe]:
    for wire in step.wires.values():
        source = steps.get(wire.node)
        value = source.known.outputs[wire.output] if source and source.known else None
        if isinstance(value, Recipe):
            yield value


def _millions(parameters: int) -> str:
    count = parameters / 1e6
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
