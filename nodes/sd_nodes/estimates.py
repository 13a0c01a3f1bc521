"""What a graph's models weigh and need while they compute, from the headers of their files, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import sized
from sd_nodes.memory import Part, Stage, advice
from sd_nodes.needs import TITLES, stage
from sd_nodes.picture_extents import Sizes, extent
from sd_nodes.recipes import Clip, ControlNet, Model, Recipe, Vae
from sd_nodes.sources import estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graph_runtime import Folders, Step

    Steps = Mapping[str, Step]

FULL, HALF = 4, 2
"""The bytes of a parameter in float32, and in float16 or bfloat16."""


def weights(steps: Steps, folders: Folders) -> Iterator[str]:
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
    full, half = (sized(whole.parameters * each) for each in (FULL, HALF))
    yield (
        f"models: {_millions(whole.parameters)} million parameters ({', '.join(parts)}); "
        f"{sized(whole.bytes)} in their files, {full} in float32, {half} in float16"
    )


def needs(steps: Steps, folders: Folders) -> Iterator[str]:
    """Tell the memory that each part takes while it computes, the most at once, and what would fit if that does not.

    Counted are weights and activations, to about a tenth; not what the libraries of a GPU take for themselves. Sizes
    that only a run can tell are taken to be those that the models were trained on.
    """
    stages = list(_stages(steps, folders))
    if not stages:
        return
    most = max(stages, key=lambda each: each.bytes)
    device = most.parts[0].device
    yield f"memory: at most {sized(most.bytes)} at once, in {most.name}{f', for {most.seen}' if most.seen else ''}"
    for part, nodes in _each_network(stages):
        yield f"  {_row(part)}{f'; used by {nodes} nodes' if nodes > 1 else ''}"
    room = folders.memory if folders.memory is not None else _memory_of(device)
    if most.bytes > room:
        told = "--memory" if folders.memory is not None else "this machine has"
        yield f"  that is more than the {sized(room)} of {told}; {advice(stages, room)}"


def _row(part: Part) -> str:
    numbers = part.settings.dtype if part.settings.dtype != "auto" else "float32" if part.width == FULL else "float16"
    kept = "" if part.settings.storage == "same" else f", kept in {part.settings.storage}"
    working = f", {sized(part.working)} while it computes" if part.working else ""
    return f"{part.title} “{part.recipe.source.name}”: {sized(part.weights)} in {numbers}{kept}{working}"


def _each_network(stages: Iterable[Stage]) -> list[tuple[Part, int]]:
    """Each network once, where it needs most, and how many nodes use it; in the order in which kinds are told."""
    uses: dict[object, dict[str, Part]] = {}
    for each in stages:
        for part in each.parts:
            recipe = part.recipe  # a scheduler, or layers that are skipped, make another recipe and no other network
            network = part.title, recipe.source, getattr(recipe, "patches", ()), recipe.settings
            uses.setdefault(network, {})[each.name] = part
    most = [(max(users.values(), key=lambda part: part.working), len(users)) for users in uses.values()]
    order = list(TITLES.values())
    return sorted(most, key=lambda found: order.index(found[0].title))


def _stages(steps: Steps, folders: Folders) -> Iterator[Stage]:
    """What computes together: the recipes that reach a node which computes with models."""
    device = _device()
    reaching, sizes = _reaching(steps), Sizes(steps, folders)
    for step in steps.values():
        recipes = [each for each in reaching[step.id] if type(each) in TITLES]
        if step.node.resource != "gpu" or not recipes:
            continue
        samples = [each for each in recipes if isinstance(each, Model)]
        if samples:
            recipes = [*samples[:1], *(each for each in recipes if isinstance(each, ControlNet))]
        seen = extent(step, sizes, recipes)
        name = f"node {step.id} ({step.name})"
        for together in _together(recipes):
            yield stage(name, together, folders, seen, lambda recipe: _place(recipe, device))


def _together(recipes: list[Recipe]) -> Iterator[list[Recipe]]:
    """The networks that are lent at the same time: those of a sampling; any other each by itself."""
    if recipes and isinstance(recipes[0], Model):
        yield recipes
        return
    for recipe in recipes:
        yield from ([each] for each in (recipe.encoders if isinstance(recipe, Clip) else (recipe,)))


def _reaching(steps: Steps) -> dict[str, tuple[Recipe, ...]]:
    """The recipes that reach each step, through nodes that compute with none themselves."""
    found: dict[str, tuple[Recipe, ...]] = {}
    passed: dict[str, tuple[Recipe, ...]] = {}
    for id, step in steps.items():  # sources come first
        sources = (passed.get(each, ()) for each in step.sources)
        found[id] = reaching = _joined([tuple(dict.fromkeys(_wired(step, steps))), *sources])
        if step.known is None and step.node.resource != "gpu":
            vaes = any(isinstance(each, Vae) for each in reaching)
            passed[id] = tuple(each for each in reaching if not isinstance(each, Vae)) if vaes else reaching
    return found


def _joined(parts: Iterable[tuple[Recipe, ...]]) -> tuple[Recipe, ...]:
    """Each recipe once, in order; where one part has them all in that order, that very part."""
    several = list({id(part): part for part in parts if part}.values())
    if len(several) < 2:
        return several[0] if several else ()
    joined = tuple(dict.fromkeys(recipe for part in several for recipe in part))
    return next((part for part in several if part == joined), joined)


def _recipes(steps: Steps) -> Iterator[Recipe]:
    """The recipes that nodes compute with, as far as loaders are known to give them."""
    for step in steps.values():
        if not step.node.static:
            yield from _wired(step, steps)


def _wired(step: Step, steps: Steps) -> Iterable[Recipe]:
    for wire in step.wires.values():
        source = steps.get(wire.node)
        value = source.known.outputs[wire.output] if source and source.known else None
        if isinstance(value, Recipe):
            yield value


def _device() -> str:
    """Where `auto` computes; torch is asked only where there may be a GPU."""
    from sd_nodes.environment import gpus

    if not gpus():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _place(recipe: Recipe, device: str) -> str:
    asked = recipe.settings.device
    return device if asked == "auto" else asked


def _memory_of(device: str) -> int:
    if device == "cpu":
        from sd_nodes.main_memory import main_memory

        return main_memory()
    from sd_nodes.placement import memory_of

    return memory_of(device)


def _millions(parameters: int) -> str:
    count = parameters / 1e6
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}" if count >= 0.1 else f"{count:.1g}"
