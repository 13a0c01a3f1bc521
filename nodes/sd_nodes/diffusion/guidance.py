"""How far a prompt is followed: what is predicted in a step, and how the predictions are mixed into one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guiders import Guider, Value
from sd_nodes.diffusion.perturbed import Way
from sd_nodes.diffusion.text import same_length


@dataclass(frozen=True)
class Sides:
    """The predictions of one step, in the order in which they stand in its batch.

    Args:
        negative: One for the negative prompt comes first.
        disturbed: One more for the prompt comes last, by a disturbed network.
    """

    negative: bool = False
    disturbed: bool = False

    @property
    def count(self) -> int:
        """How many there are; that for the prompt always is."""
        return 1 + self.negative + self.disturbed


ALONE = Sides()
"""The prompt's prediction alone."""


class Mixing(Protocol):
    """Mixes the predictions of a run, step by step from the first; steps are counted from 0."""

    def guided(self, step: int, steps: int) -> bool:
        """Tells whether a step needs a prediction for the negative prompt."""

    def mixed(self, step: int, steps: int, negative: Tensor | None, positive: Tensor) -> Tensor:
        """Mixes the predictions of a step; there is a negative one where the step is guided."""


@dataclass(frozen=True)
class Guidance:
    """What is followed in a run, and how.

    Args:
        positive: What the picture should show.
        negative: What it should not; needed where the run is guided.
        scale: How far the prompt is followed; 1 or less is without guidance, at half the work.
        rescale: How far the guided prediction is brought back to the deviation of the unguided one, 0 to 1
            (arXiv:2305.08891, section 3.4).
        start: The part of the steps before which there is no guidance, 0 to 1.
        end: The part of the steps after which there is none, over start to 1.
        method: A guider of diffusers by its short name; empty for classifier-free guidance (arXiv:2207.12598).
        options: What the guider is given beside the scale and the window, by diffusers' names.
        perturbed: How far predictions are led away from those of a network whose middle block is disturbed; 0 is off.
        way: How that is disturbed.
        layers: Which blocks of a transformer are passed by, where it is disturbed so.
        away_start: The part of the steps before which predictions are not led away, 0 to 1.
        away_end: The part of the steps after which they are not, over that to 1.
    """

    positive: Condition
    negative: Condition | None = None
    scale: float = 7.5
    rescale: float = 0.0
    start: float = 0.0
    end: float = 1.0
    method: str = ""
    options: Mapping[str, Value] = field(default_factory=dict)
    perturbed: float = 0.0
    way: Way = "own"
    layers: tuple[int, ...] = ()
    away_start: float = 0.0
    away_end: float = 1.0

    def disturbs(self, step: int, steps: int) -> bool:
        """Tells whether a step, counted from 0, is led away from a disturbed network: as diffusers counts it, the
        steps strictly between both ends; all of them where there is no window."""
        after = self.away_start == 0.0 or step > steps * self.away_start
        before = self.away_end == 1.0 or step < steps * self.away_end
        return self.perturbed != 0.0 and after and before

    def mixing(self, able: bool) -> Mixing:
        """Begins a run.

        Args:
            able: Whether the network has use for guidance; one that is told the scale has not.

        Raises:
            SettingError: The window is empty, or the guider and its options do not fit.
        """
        if not 0.0 <= self.start < self.end <= 1.0:
            window = f"{self.start:g} to {self.end:g}"
            raise SettingError(f"The guidance is on from {window}, needed is 0 <= start < end <= 1.")
        if self.method and able:
            return Guider(self.method, self.scale, (self.start, self.end), self.options)
        return Plain(self.scale if able else 1.0, self.start, self.end)

    def batch(self, latents: int, sides: Sides) -> Condition:
        """Returns the condition for all latents, once for each side.

        Raises:
            SettingError: A negative prompt is needed and there is none.
        """
        positive = self.positive.for_batch(latents)
        parts = [positive] * (1 + sides.disturbed)
        if sides.negative:
            if self.negative is None:
                raise SettingError(f"The guidance scale is {self.scale:g}: above 1, a negative prompt is needed too.")
            parts.insert(0, self.negative.for_batch(latents))
        if len(parts) == 1:
            return positive
        states = torch.cat(same_length(*(one.states for one in parts)))
        return Condition(states, {key: torch.cat([one.added[key] for one in parts]) for key in positive.added})

    def mix(self, mixing: Mixing, step: int, steps: int, sides: Sides, prediction: Tensor) -> Tensor:
        """Mixes the predictions of a step.

        Args:
            mixing: What `mixing` returned.
            step: The step, from 0.
            steps: How many there are.
            sides: What was predicted.
            prediction: The predictions, one behind the other.
        """
        parts = list(prediction.chunk(sides.count))
        negative = parts.pop(0) if sides.negative else None
        positive, *disturbed = parts
        found = mixing.mixed(step, steps, negative, positive)
        for each in disturbed:
            found = found + self.perturbed * (positive - each)
        return rescaled(found, positive, self.rescale) if self.rescale > 0.0 and sides.negative else found


@dataclass(frozen=True)
class Plain:
    """Classifier-free guidance: negative + scale * (positive - negative) (arXiv:2207.12598)."""

    scale: float
    start: float = 0.0
    end: float = 1.0

    def guided(self, step: int, steps: int) -> bool:
        """Tells whether a step lies in the window, and the scale is over 1."""
        return self.scale > 1 and int(self.start * steps) <= step < int(self.end * steps)

    def mixed(self, step: int, steps: int, negative: Tensor | None, positive: Tensor) -> Tensor:
        """Mixes the predictions of a step."""
        return positive if negative is None else negative + self.scale * (positive - negative)


def rescaled(guided: Tensor, conditional: Tensor, part: float) -> Tensor:
    """Brings a guided prediction back to the deviation of the unguided one (arXiv:2305.08891, section 3.4).

    Args:
        guided: [batch, ...].
        conditional: The prediction for the prompt alone, in the same shape.
        part: How much of it is brought back, 0 to 1.
    """
    same_deviation = guided * (_deviation(conditional) / _deviation(guided))
    return part * same_deviation + (1 - part) * guided


def _deviation(prediction: Tensor) -> Tensor:
    return prediction.std(dim=list(range(1, prediction.ndim)), keepdim=True)
