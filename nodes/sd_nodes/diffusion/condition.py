"""What a UNet is told, and how far it is followed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.text import same_length


@dataclass(frozen=True)
class Condition:
    """What a UNet is told beside the latents and the timestep.

    Args:
        states: Token states, [batch, tokens, width]; one for all latents, or one for each.
        added: Further inputs by diffusers' names, each [batch, ...] (SDXL: `text_embeds` and `time_ids`).
    """

    states: Tensor
    added: Mapping[str, Tensor] = field(default_factory=dict)

    def for_batch(self, batch: int) -> "Condition":
        """Repeats the condition for a batch of latents.

        Raises:
            SettingError: There are several prompts, and their number does not divide the batch.
        """
        if batch % len(self.states):
            raise SettingError(f"There are {len(self.states)} prompts for {batch} latents; give one, or one for each.")
        return self.map(lambda one: one.repeat_interleave(batch // len(one), dim=0))

    def conditional_half(self) -> "Condition":
        """Returns the second half of a guidance batch."""
        return self.map(lambda one: one.chunk(2)[1])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Condition":
        """Returns the condition on a device and in a type."""
        return self.map(lambda one: one.to(device, dtype))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Condition":
        """Returns the condition with each of its tensors changed."""
        return Condition(function(self.states), {name: function(one) for name, one in self.added.items()})


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (arXiv:2207.12598).

    Args:
        positive: What the picture should show.
        negative: What it should not; needed where the scale is over 1.
        scale: How far the prompt is followed; 1 or less is without guidance, at half the work.
        rescale: How far the guided prediction is brought back to the deviation of the unguided one, 0 to 1
            (arXiv:2305.08891, section 3.4).
    """

    positive: Condition
    negative: Condition | None = None
    scale: float = 7.5
    rescale: float = 0.0

    def batch(self, latents: int, guided: bool) -> Condition:
        """Returns the condition for all latents; if guided, the negative ones come first.

        Raises:
            SettingError: The guidance scale is over 1 and there is no negative prompt.
        """
        positive = self.positive.for_batch(latents)
        if not guided:
            return positive
        if self.negative is None:
            raise SettingError(f"The guidance scale is {self.scale:g}: above 1, a negative prompt is needed too.")
        negative = self.negative.for_batch(latents)
        states = torch.cat(same_length(negative.states, positive.states))
        return Condition(states, {key: torch.cat([negative.added[key], one]) for key, one in positive.added.items()})

    def mix(self, prediction: Tensor) -> Tensor:
        """Mixes both halves of a guidance batch: uncond + scale * (cond - uncond), rescaled if asked for."""
        unconditional, conditional = prediction.chunk(2)
        mixed = unconditional + self.scale * (conditional - unconditional)
        if self.rescale <= 0.0:
            return mixed
        return rescaled(mixed, conditional, self.rescale)


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
