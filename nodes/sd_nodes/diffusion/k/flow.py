"""The noise levels of flow models: sigma is the share of noise, and the rest is signal (arXiv:2403.03206)."""

from dataclasses import dataclass

import torch
from torch import Tensor

STEPS = 1000


@dataclass(frozen=True)
class FlowLevels:
    """The levels of a model whose timesteps are shifted towards noise (section 5.3.2).

    Args:
        shift: How far; 1 is not at all.
    """

    shift: float = 3.0

    @property
    def sigmas(self) -> Tensor:
        """The levels that schedules pick from, float32 [1000], rising to 1."""
        return self._shifted(torch.arange(1, STEPS + 1, dtype=torch.float32) / STEPS)

    def timestep(self, sigma: float) -> float:
        """Returns the timestep that the model is told: a thousand times the level."""
        return sigma * STEPS

    def sigma(self, timestep: float) -> float:
        """Returns the level of a timestep before it is shifted."""
        return float(self._shifted(torch.tensor(timestep / STEPS)))

    def at_percent(self, percent: float) -> float:
        """Returns the level a part of the way down."""
        if percent <= 0.0:
            return 1.0
        return 0.0 if percent >= 1.0 else float(self._shifted(torch.tensor(1.0 - percent, dtype=torch.float64)))

    def _shifted(self, parts: Tensor) -> Tensor:
        return self.shift * parts / (1 + (self.shift - 1) * parts)
