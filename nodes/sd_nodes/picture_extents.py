"""How large the latents are that a node will compute, as far as a graph tells it before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from graph_runtime import NodeError
from sd_nodes.diffusion.footprint import PIXELS, Latents
from sd_nodes.recipes import Model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graph_runtime import Folders, Step
    from sd_nodes.recipes import Recipe

    Steps = Mapping[str, Step]
    Size = tuple[int, int, int]
    """Width and height in pixels, and how many."""

TRAINED = {"sd1": 512, "sd2": 512}
"""The side of the pictures that a family was trained on; others on 1024."""

PICTURES = ("latent", "latent_image", "samples", "pixels", "image", "images", "upscaled_image")
"""Inputs through which what is drawn comes, from a step to the one before it."""

SCALES = ("guidance", "cfg")


def extent(step: Step, sizes: Sizes, recipes: Sequence[Recipe]) -> Latents:
    """Return the latents that a network sees at once in a step; guidance doubles their batch.

    Args:
        step: The step.
        sizes: The sizes that its graph says.
        recipes: The recipes that it computes with.
    """
    model = next((each for each in recipes if isinstance(each, Model)), None)
    width, height, batch = sizes.before(step) or (0, 0, 1)
    side = TRAINED.get(getattr(recipes[0], "family", ""), 1024 if model else 512)
    guided = model is not None and _guided(step)
    return Latents(batch * (1 + guided), (height or side) // PIXELS, (width or side) // PIXELS, guided)


@final
class Sizes:
    """The sizes that the steps of a graph say, each looked for once."""

    def __init__(self, steps: Steps, folders: Folders) -> None:
        """Look at steps, and at the pictures that lie in folders."""
        self._steps = steps
        self._folders = folders
        self._before: dict[str, Size | None] = {}
        self._from: dict[str, Size | None] = {}

    def before(self, step: Step) -> Size | None:
        """Return what the nearest step before one says that says a width, a height and how many."""
        pending = [step]
        while pending:
            size, unknown = self._nearest(pending[-1])
            if unknown is None:
                self._before[pending.pop().id] = size
            else:
                pending.append(unknown)
        return self._before[step.id]

    def _nearest(self, step: Step) -> tuple[Size | None, Step | None]:
        """The size before a step, or the step of which it must be known first."""
        if step.id in self._before:
            return self._before[step.id], None
        for source in _sources(step, self._steps):
            if source.id not in self._from:
                self._from[source.id] = _said(source, self._folders)
            if (size := self._from[source.id]) is not None:
                return size, None
            if source.id not in self._before:
                return None, source
            if (size := self._before[source.id]) is not None:
                return size, None
        return None, None


def _guided(step: Step) -> bool:
    scales = [step.values[name] for name in SCALES if name in step.values]
    return not scales or any(not isinstance(scale, int | float) or scale > 1 for scale in scales)


def _said(step: Step, folders: Folders) -> Size | None:
    """What a step says itself."""
    width, height, batch = (step.values.get(key) for key in ("width", "height", "batch_size"))
    if isinstance(width, int) and isinstance(height, int) and width and height:
        return width, height, batch if isinstance(batch, int) else 1
    found = _of_file(step, folders)
    return None if found is None else (*found, 1)


def _sources(step: Step, steps: Steps) -> list[Step]:
    """The steps that pictures come from, the one to be asked first at the beginning."""
    wires = [step.wires[name] for name in PICTURES if name in step.wires]
    return [steps[wire.node] for wire in wires if wire.node in steps]


def _of_file(step: Step, folders: Folders) -> tuple[int, int] | None:
    """The size of a picture that a step loads, from the header of its file."""
    name = step.values.get("image")
    if not isinstance(name, str):
        return None
    from sd_nodes.picture_files import find_picture
    from sd_nodes.picture_headers import opened

    try:
        with opened(find_picture(name, folders)) as picture:
            return picture.size
    except NodeError:
        return None
