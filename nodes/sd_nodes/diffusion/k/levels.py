"""The noise levels that a model knows: from sigma to the timestep it is told, and back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError

ABOVE_ALL = 999999999.9
"""The sigma of 0 percent: no noise level lies above it."""

ZERO_SNR_END = 4.8973451890853435e-08
"""The last cumulative alpha of a table with zero terminal signal: a little over zero, so that sigma is finite."""


class Levels(Protocol):
    """The noise levels of a model."""

    @property
    def sigmas(self) -> Tensor:
        """The levels that schedules pick from, float32 [n], rising."""

    def timestep(self, sigma: float) -> float:
        """Returns the timestep that the model is told at a noise level."""

    def sigma(self, timestep: float) -> float:
        """Returns the noise level of a timestep."""

    def at_percent(self, percent: float) -> float:
        """Returns the noise level that lies a part of the way down, where 0 is above all levels and 1 is none."""


@dataclass(frozen=True)
class NoiseTable:
    """The levels of a model that was trained on numbered timesteps.

    Args:
        sigmas: Noise levels, float32 [n], rising.
        log_sigmas: Their logarithms, float32 [n].
        stride: How many timesteps lie between two entries; the first entry is timestep `stride - 1`.
        timesteps: How many timesteps the model knows.
    """

    sigmas: Tensor
    log_sigmas: Tensor
    stride: int = 1
    timesteps: int = 1000

    @classmethod
    def of(cls, sigmas: Tensor, stride: int = 1, timesteps: int | None = None) -> "NoiseTable":
        """Makes a table of levels, which may be in double precision."""
        count = len(sigmas) * stride if timesteps is None else timesteps
        return cls(sigmas.float(), sigmas.log().float(), stride, count)

    def timestep(self, sigma: float) -> float:
        """Returns the number of the nearest level, by the distance of logarithms; always whole."""
        distances = torch.tensor(sigma, dtype=torch.float32).log() - self.log_sigmas
        return float(distances.abs().argmin()) * self.stride + (self.stride - 1)

    def sigma(self, timestep: float) -> float:
        """Returns the level of a timestep, which may be fractional: between two levels the logarithm is linear.

        Computed in float32, in which schedules and percentages meet at the very same level.
        """
        place = (torch.tensor(timestep, dtype=torch.float32) - (self.stride - 1)) / self.stride
        place = place.clamp(0, len(self.sigmas) - 1)
        low, high = (self.log_sigmas[int(end)] for end in (place.floor(), place.ceil()))
        return float(((1 - place.frac()) * low + place.frac() * high).exp())

    def at_percent(self, percent: float) -> float:
        """Returns the level of timestep (1 - percent) * (timesteps - 1)."""
        if percent <= 0.0:
            return ABOVE_ALL
        return 0.0 if percent >= 1.0 else self.sigma((1.0 - percent) * (self.timesteps - 1))

    def zero_terminal(self) -> "NoiseTable":
        """Returns the table stretched so that its last level has no signal (arXiv:2305.08891, algorithm 1)."""
        roots = (1 / (self.sigmas**2 + 1)).sqrt()
        stretched = (roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))
        alphas = stretched**2
        alphas[-1] = ZERO_SNR_END
        return NoiseTable.of(((1 - alphas) / alphas).sqrt(), self.stride, self.timesteps)

    def thinned(self, count: int = 50) -> "NoiseTable":
        """Returns the table of a model distilled to `count` levels: the last, and every so many before it."""
        stride = len(self.sigmas) // count
        return NoiseTable.of(self.sigmas[stride - 1 :: stride][-count:], stride, self.timesteps)


@dataclass(frozen=True)
class LogLevels:
    """The levels of a model that is told a quarter of the logarithm of sigma (arXiv:2206.00364, table 1).

    Args:
        lowest: The lowest noise level, over 0.
        highest: The highest.
        count: How many levels schedules may pick from.
    """

    lowest: float = 0.002
    highest: float = 120.0
    count: int = 1000

    @property
    def sigmas(self) -> Tensor:
        """The levels, evenly spaced in the logarithm."""
        return torch.linspace(math.log(self.lowest), math.log(self.highest), self.count).exp()

    def timestep(self, sigma: float) -> float:
        """Returns log(sigma) / 4."""
        return 0.25 * math.log(sigma)

    def sigma(self, timestep: float) -> float:
        """Returns exp(4 * timestep)."""
        return math.exp(timestep / 0.25)

    def at_percent(self, percent: float) -> float:
        """Returns the level a part of the way down in the logarithm."""
        if percent <= 0.0:
            return ABOVE_ALL
        low, high = math.log(self.lowest), math.log(self.highest)
        return 0.0 if percent >= 1.0 else math.exp((high - low) * (1.0 - percent) + low)


def noise_table(config: Mapping[str, object]) -> NoiseTable:
    """Makes the table of a model from the configuration of the scheduler it was published with.

    Args:
        config: Diffusers' scheduler configuration; what it leaves out is as in Stable Diffusion 1.

    Raises:
        SettingError: The betas follow a schedule without a table.
    """
    kind, trained = config.get("beta_schedule", "scaled_linear"), config.get("trained_betas")
    count = int(str(config.get("num_train_timesteps", 1000)))
    first, last = (float(str(config.get(name, value))) for name, value in (("beta_start", 8.5e-4), ("beta_end", 0.012)))
    if isinstance(trained, list | tuple):
        betas = torch.tensor(trained, dtype=torch.float64)
    elif kind == "scaled_linear":
        betas = torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2
    elif kind == "linear":
        betas = torch.linspace(first, last, count, dtype=torch.float64)
    else:
        raise SettingError(f"The noise schedule is '{kind}', needed is scaled_linear, linear or a list of betas.")
    alphas = (1 - betas).cumprod(0)
    return NoiseTable.of(((1 - alphas) / alphas).sqrt(), timesteps=len(betas))
