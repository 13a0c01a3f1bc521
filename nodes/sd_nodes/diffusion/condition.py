"""What a UNet is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError


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

    def without_first(self, count: int) -> "Condition":
        """Returns the condition of a batch without its first members."""
        return self.map(lambda one: one[count:])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Condition":
        """Returns the condition on a device and in a type."""
        return self.map(lambda one: one.to(device, dtype))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Condition":
        """Returns the condition with each of its tensors changed."""
        return Condition(function(self.states), {name: function(one) for name, one in self.added.items()})
