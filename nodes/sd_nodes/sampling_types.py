"""What flows between the nodes of custom sampling: samplers, noise levels, noise, guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NewType, final

from sd_nodes.types import Conditioning, Model

if TYPE_CHECKING:
    import torch

Sigmas = NewType("Sigmas", "torch.Tensor")
"""Noise levels that a run visits: float32 `[levels]`, falling; the last one is 0 where all noise goes."""

Setting = float | int | str | bool


@final
@dataclass(frozen=True)
class Sampler:
    """The recipe of a sampler: its name, and the settings that differ from its own."""

    name: str
    settings: tuple[tuple[str, Setting], ...] = ()


@final
@dataclass(frozen=True)
class Noise:
    """Where noise comes from.

    Args:
        seed: The seed; samplers that add noise on the way use it too.
        drawn: Whether latents get noise before the first step; without, they bear it already.
    """

    seed: int = 0
    drawn: bool = True


@final
@dataclass(frozen=True, eq=False)
class Guider:
    """A model with the prompts that guide it.

    Args:
        model: The model.
        positive: What the picture should show.
        negative: What it should not; None samples without guidance.
        scale: How far the positive prompt is followed.
        middle: A second prompt that the first one is followed away from, or None.
        middle_scale: How far the second prompt is followed away from the negative one.
        style: How three prompts are mixed: the second with the negative one, and then the difference of the first two
            is added; or (nested) the first two, and the result with the negative one; or (perpendicular) what of the
            negative one stands across the first, both held against the second, is taken away.
    """

    model: Model
    positive: Conditioning
    negative: Conditioning | None = None
    scale: float = 1.0
    middle: Conditioning | None = None
    middle_scale: float = 1.0
    style: Literal["regular", "nested", "perpendicular"] = "regular"


@final
@dataclass(frozen=True)
class GuidanceMethod:
    """The recipe of how the predictions for a prompt and its negative are mixed.

    Args:
        name: A guider by its short name; empty is classifier-free guidance.
        settings: Its settings, by diffusers' names.
        start: The part of the steps before which there is no guidance.
        end: The part of the steps after which there is none.
        away: How far predictions are led away from those of the model with a disturbed middle block; 0 is off.
        disturbed: How that is disturbed.
        layers: Which blocks of a transformer are passed by, where it is disturbed so; of a UNet, the middle is.
        away_start: The part of the steps before which predictions are not led away.
        away_end: The part of the steps after which they are not.
        weaker: A worse model whose predictions for the prompt stand in for those for the negative one, or None.
    """

    name: str = ""
    settings: tuple[tuple[str, float | int], ...] = ()
    start: float = 0.0
    end: float = 1.0
    away: float = 0.0
    disturbed: Literal["own", "mean", "skipped"] = "own"
    layers: tuple[int, ...] = ()
    away_start: float = 0.0
    away_end: float = 1.0
    weaker: Model | None = None


CFG = GuidanceMethod()
"""Classifier-free guidance in every step."""
