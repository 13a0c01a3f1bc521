"""How large the latents are that a node will compute, as far as a graph tells it before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.diffusion.footprint import Latents
from sd_nodes.recipes import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from graph_runtime import Folders, Step
    from sd_nodes.recipes import Recipe

    Steps = Mapping[str, Step]

PIXELS = 8
"""How many pixels of the picture a latent spans in each direction."""

TRAINED = {"sd1": 512, "sd2": 512}
"""The side of the pictures that a family was trained on; others on 1024."""

PICTURES = ("latent", "latent_image", "samples", "pixels", "image", "images", "upscaled_image")
"""Inputs through which what is drawn comes, from a step to the one before it."""

SCALES = ("guidance", "cfg")


def extent(step: Step, steps: Steps, folders: Folders, recipes: Sequence[Recipe]) -> Latents:
    """Return the latents that a network sees at once in a step; guidance doubles their batch.

    Args:
        step: The step.
        steps: All steps.
        folders: Where pictures lie.
        recipes: The recipes that it computes with.
    """
    model = next((each for each in recipes if isinstance(each, Model)), None)
    width, height, batch = next(_sizes(step, steps, folders), (0, 0, 1))
    side = TRAINED.get(getattr(recipes[0], "family", ""), 1024 if model else 512)
    doubled = 2 if model is not None and _guided(step) else 1
    return Latents(doubled * batch, (height or side) // PIXELS, (width or side) // PIXELS)


def _guided(step: Step) -> bool:
    scales = [step.values[name] for name in SCALES if name in step.values]
    return not scales or any(not isinstance(scale, int | float) or scale > 1 for scale in scales)


def _sizes(step: Step, steps: Steps, folders: Folders) -> Iterator[tuple[int, int, int]]:
    """The nearest steps before one that say a width, a height and how many."""
    pending, seen = _before(step, steps), {step.id}
    while pending:
        source = pending.pop()
        if source.id in seen:
            continue
        seen.add(source.id)
        width, height, batch = (source.values.get(key) for key in ("width", "height", "batch_size"))
        if isinstance(width, int) and isinstance(height, int) and width and height:
            yield width, height, batch if isinstance(batch, int) else 1
        elif (found := _of_file(source, folders)) is not None:
            yield (*found, 1)
        pending += _before(source, steps)


def _before(step: Step, steps: Steps) -> list[Step]:
    """The steps that pictures come from, the one to be asked first at the end."""
    wires = [step.wires[name] for name in reversed(PICTURES) if name in step.wires]
    return [steps[wire.node] for wire in wires if wire.node in steps]


def _of_file(step: Step, folders: Folders) -> tuple[int, int] | None:
    """The size of a picture that a step loads, from the header of its file."""
    name = step.values.get("image")
    if not isinstance(name, str):
        return None
    from sd_nodes.picture_headers import opened

    try:
        with opened(folders.input / name) as picture:
            return picture.size
    except NodeError:
        return None
