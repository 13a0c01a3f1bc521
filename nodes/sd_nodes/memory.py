"""What recipes need of memory while they compute, and which settings would need less; told without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

from graph_runtime import sized
from sd_nodes.recipes import Recipe, Settings, Vae

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
"""The bytes of a number."""

LAYERWISE = 3
"""How many of its largest layers a network has on a GPU whose weights come layer by layer: one early, one late."""

MOST = 3
"""How many settings are named."""

Change = Callable[["Part"], "Part"]


@final
@dataclass(frozen=True)
class Part:
    """One network at work.

    Args:
        title: What it is called: `UNet`, `VAE`, ...
        recipe: Its recipe.
        parameters: How many parameters it has.
        largest: The most parameters that one of its tensors has.
        numbers: How many numbers are alive at the peak of its computation.
        smaller: The same with pictures taken one by one and in tiles, where it can do that.
        device: Where it computes.
    """

    title: str
    recipe: Recipe
    parameters: int
    largest: int = 0
    numbers: int = 0
    smaller: int | None = None
    device: str = "cpu"

    @property
    def settings(self) -> Settings:
        """How it is placed and computed."""
        return self.recipe.settings

    @property
    def width(self) -> int:
        """The bytes of a number that it computes with; float16 on a CPU may become float32, and is counted so."""
        half = self.device != "cpu"
        return {**WIDTHS, "auto": 2 if half else 4, "float16": 2 if half else 4}[self.settings.dtype]

    @property
    def weights(self) -> int:
        """The bytes that its weights take up where it computes."""
        each = 1 if self.settings.storage != "same" else self.width
        if self.device != "cpu" and self.settings.offload in ("group", "sequential"):
            return min(LAYERWISE * self.largest, self.parameters) * each
        return self.parameters * each

    @property
    def working(self) -> int:
        """The bytes of what it computes, at the peak."""
        return self.numbers * self.width


@final
@dataclass(frozen=True)
class Stage:
    """What computes together: the networks of one node.

    Args:
        name: Which node it is.
        parts: Its networks; all their weights are there at the same time, and one computes.
        seen: What it computes, for people: the size and the number of pictures.
    """

    name: str
    parts: tuple[Part, ...]
    seen: str = ""

    @property
    def weights(self) -> int:
        """The bytes of all its weights."""
        return sum(part.weights for part in self.parts)

    @property
    def working(self) -> int:
        """The bytes of what it computes, at the peak."""
        return max((part.working for part in self.parts), default=0)

    @property
    def bytes(self) -> int:
        """The bytes that it needs at its peak."""
        return self.weights + self.working

    def changed(self, change: Change) -> Stage:
        """Return the stage with each of its parts changed."""
        return replace(self, parts=tuple(map(change, self.parts)))


def peak(stages: Iterable[Stage]) -> int:
    """Return the bytes of the stage that needs most: what is not in use can be let go."""
    return max((stage.bytes for stage in stages), default=0)


def advice(stages: Iterable[Stage], room: int) -> str:
    """Say which settings make stages fit into a number of bytes; where none do, what the least is that is needed."""
    asked = [stage for stage in stages if stage.bytes > room]
    if fitting := list(_fitting(asked, room)):
        return f"what would fit: {'; '.join(fitting)}"
    least = max((stage.changed(CHANGES[-1][1]) for stage in asked), key=lambda stage: stage.bytes)
    needed = f"even with every setting that saves memory it is {sized(least.bytes)}"
    if least.weights < room:
        return f"{needed}, {sized(least.weights)} of it for weights: draw smaller or fewer pictures at once"
    return f"{needed}, and the weights alone are {sized(least.weights)}"


def _fitting(asked: Sequence[Stage], room: int) -> Iterator[str]:
    """Say which settings make stages fit that do not, those that change least first; a few."""
    found: list[int] = []
    for words, change in CHANGES:
        needed = peak(stage.changed(change) for stage in asked)
        if needed <= room and needed < min([peak(asked), *found]) and len(found) < MOST:
            found.append(needed)
            yield f"{words} ({sized(needed)})"


def _with(part: Part, **settings: object) -> Part:
    recipe = replace(part.recipe, settings=replace(part.settings, **settings))  # type: ignore[arg-type]
    return replace(part, recipe=recipe)


def _halved(part: Part) -> Part:
    return _with(part, dtype="bfloat16") if part.width == WIDTHS["float32"] else part


def _eighth(part: Part) -> Part:
    return _with(part, storage="float8_e4m3fn") if part.settings.storage == "same" else part


def _tiled(part: Part) -> Part:
    if not isinstance(part.recipe, Vae) or part.smaller is None:
        return part
    return replace(part, recipe=replace(part.recipe, tiled=True, sliced=True), numbers=part.smaller)


def _moved(part: Part) -> Part:
    return _with(part, offload="group") if part.device != "cpu" else part


CHANGES: tuple[tuple[str, Change], ...] = (
    ("VAE Memory with tiles and slices", _tiled),
    ("Model Dtype bfloat16", _halved),
    ("Model Dtype bfloat16, and VAE Memory with tiles and slices", lambda part: _tiled(_halved(part))),
    ("Model Offload group", _moved),
    ("Model Offload group, and VAE Memory with tiles and slices", lambda part: _tiled(_moved(part))),
    ("Model Dtype bfloat16 with float8_e4m3fn as storage", lambda part: _eighth(_halved(part))),
    ("all of these together", lambda part: _tiled(_moved(_eighth(_halved(part))))),
)
"""Settings that need less, in words and as a change of a part; from what changes the picture least."""
