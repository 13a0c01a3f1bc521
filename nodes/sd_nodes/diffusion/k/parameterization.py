"""What a model predicts, and what follows from it about the clean latents."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from sd_nodes.diffusion.k.flow import FlowLevels
from sd_nodes.diffusion.k.levels import Levels, LogLevels, NoiseTable

Kind = Literal["eps", "v_prediction", "x0", "lcm", "edm", "flow", "img_to_img"]

LCM_DATA, LCM_SCALE = 0.5, 10.0
"""The boundary condition of latent consistency models (arXiv:2310.04378): deviation of data, scale of timesteps."""


@dataclass(frozen=True)
class Parameterization:
    """How latents are handed to a model, and how its output is read.

    Args:
        levels: The model's noise levels.
        kind: What it predicts: the noise, a velocity, the clean latents, or a mixture with the latents it was given.
        data: The standard deviation of clean latents that it was trained with.
    """

    levels: Levels
    kind: Kind = "eps"
    data: float = 1.0

    @classmethod
    def discrete(cls, table: NoiseTable, kind: Kind = "eps", zero_terminal: bool = False) -> "Parameterization":
        """Makes the parameterization of a model with numbered timesteps.

        Args:
            table: The levels it was trained on.
            kind: What it predicts; a consistency model (`lcm`) knows 50 levels only.
            zero_terminal: Whether its last level is pure noise.
        """
        stretched = table.zero_terminal() if zero_terminal else table
        return cls(stretched.thinned() if kind == "lcm" else stretched, kind)

    @classmethod
    def continuous(cls, kind: Kind, lowest: float, highest: float) -> "Parameterization":
        """Makes the parameterization of a model that is told the logarithm of the noise level."""
        return cls(LogLevels(lowest, highest), kind, 0.5 if kind == "edm" else 1.0)

    @classmethod
    def flow(cls, shift: float) -> "Parameterization":
        """Makes the parameterization of a flow model, whose noise levels are shifted towards noise."""
        return cls(FlowLevels(shift), "flow")

    @property
    def highest(self) -> float:
        """The highest noise level."""
        return float(self.levels.sigmas[-1])

    @property
    def lowest(self) -> float:
        """The lowest noise level."""
        return float(self.levels.sigmas[0])

    def scaled(self, latents: Tensor, sigma: float) -> Tensor:
        """Scales noisy latents to the deviation that the model was trained on, unless it takes them as they are."""
        return latents if self.kind in ("flow", "img_to_img") else latents / math.sqrt(sigma**2 + self.data**2)

    def denoised(self, output: Tensor, latents: Tensor, sigma: float) -> Tensor:
        """Returns the clean latents that a model's output tells.

        Args:
            output: What the model returned.
            latents: The noisy latents, not scaled.
            sigma: Their noise level.
        """
        if self.kind in ("x0", "img_to_img"):
            return output
        if self.kind in ("eps", "flow"):
            return latents - sigma * output
        if self.kind == "lcm":
            scaled = self.levels.timestep(sigma) * LCM_SCALE
            kept, new = LCM_DATA**2 / (scaled**2 + LCM_DATA**2), scaled / math.hypot(scaled, LCM_DATA)
            return new * (latents - sigma * output) + kept * latents
        total = sigma**2 + self.data**2
        sign = 1.0 if self.kind == "edm" else -1.0
        return latents * (self.data**2 / total) + output * (sign * sigma * self.data / math.sqrt(total))

    def velocity(self, denoised: Tensor, latents: Tensor, sigma: float) -> Tensor:
        """Returns the v-prediction (arXiv:2202.00512) that tells the same clean latents."""
        return (latents / (sigma**2 + 1) - denoised) * (math.sqrt(sigma**2 + 1) / sigma)

    def from_velocity(self, velocity: Tensor, latents: Tensor, sigma: float) -> Tensor:
        """Returns the clean latents that a v-prediction tells."""
        return latents / (sigma**2 + 1) - velocity * (sigma / math.sqrt(sigma**2 + 1))

    def noised(self, latents: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Brings clean latents to the noise level a run starts from.

        At the highest level, or above, the noise gets the whole variance that noisy latents would have there.
        """
        whole = sigma > self.highest or math.isclose(sigma, self.highest, rel_tol=1e-5)
        if whole and self.kind != "flow":
            return noise * math.sqrt(1 + sigma**2) + latents
        return self.mixed(latents, noise, sigma)

    def mixed(self, latents: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Adds noise of a level to clean latents, as the model saw it in training."""
        return sigma * noise + ((1.0 - sigma) * latents if self.kind == "flow" else latents)
