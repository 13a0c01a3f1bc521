"""How the predictions of several sides are mixed into one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from sd_nodes.diffusion.guidance import rescaled
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.regions import Placed, Prompt
from sd_nodes.diffusion.k.run import Denoised

Predict = Callable[[Sequence[Sequence[Placed]], Tensor, float], list[Tensor]]
Prompts = Sequence[Prompt]


@dataclass(frozen=True)
class Mixed:
    """What a rule of mixing is given: latents, their noise level, and the predictions of clean latents."""

    latents: Tensor
    sigma: float
    conditional: Tensor
    unconditional: Tensor
    scale: float


def plain(mixed: Mixed) -> Tensor:
    """Classifier-free guidance: uncond + scale * (cond - uncond) (arXiv:2207.12598)."""
    return mixed.unconditional + (mixed.conditional - mixed.unconditional) * mixed.scale


@dataclass(frozen=True)
class Rescaled:
    """Guidance of velocities, brought back to the deviation of the unguided one (arXiv:2305.08891, section 3.4).

    Args:
        network: The model, which knows what a velocity is.
        part: How much of the guided velocity is brought back, 0 to 1.
    """

    network: Network
    part: float

    def __call__(self, mixed: Mixed) -> Tensor:
        """Mixes the velocities, and returns the clean latents."""
        form = self.network.parameterization
        conditional, unconditional = (
            form.velocity(one, mixed.latents, mixed.sigma) for one in (mixed.conditional, mixed.unconditional)
        )
        guided = unconditional + mixed.scale * (conditional - unconditional)
        velocity = rescaled(guided, conditional, self.part)
        return form.from_velocity(velocity, mixed.latents, mixed.sigma)


@dataclass(frozen=True)
class Perturbed:
    """Perturbed-attention guidance (arXiv:2403.17377): away from what a disturbed model predicts.

    Args:
        network: The disturbed model.
        scale: How far.
    """

    network: Network
    scale: float

    def pushed(
        self, guided: Tensor, conditional: Tensor, positive: Sequence[Placed], x: Tensor, sigma: float
    ) -> Tensor:
        """Returns the guided prediction, pushed away; at a scale of 0 nothing is computed."""
        if not self.scale:
            return guided
        (disturbed,) = self.network.predict([positive], x, sigma)
        return guided + (conditional - disturbed) * self.scale


@dataclass(frozen=True)
class Cfg:
    """Guidance by a positive and a negative side.

    Args:
        positive: What the picture should show.
        negative: What it should not; where there is none it denoises to zeros.
        scale: How far the positive side is followed; at 1 the negative side is not computed.
        mix: The rule of mixing.
        perturbed: A disturbed model to be led away from.
    """

    positive: Prompts
    negative: Prompts = ()
    scale: float = 1.0
    mix: Callable[[Mixed], Tensor] = plain
    perturbed: Perturbed | None = None

    @property
    def sides(self) -> list[Prompts]:
        """The positive side, and the negative one."""
        return [self.positive, self.negative]

    def denoised(
        self, predict: Predict, sides: Sequence[Sequence[Placed]], x: Tensor, sigma: float, both: bool
    ) -> Denoised:
        """Denoises latents.

        Args:
            predict: Denoises for each side.
            sides: The sides, made ready for the latents.
            x: Noisy latents.
            sigma: Their noise level.
            both: Computes the negative side whatever the scale.
        """
        guided = both or not math.isclose(self.scale, 1.0)
        conditional, *rest = predict(sides if guided else sides[:1], x, sigma)
        unguided = rest[0] if rest else conditional
        result = self.mix(Mixed(x, sigma, conditional, unguided, self.scale)) if rest else conditional
        if self.perturbed is not None:
            result = self.perturbed.pushed(result, conditional, sides[0], x, sigma)
        return Denoised(result, unguided)


@dataclass(frozen=True)
class DualCfg:
    """Guidance by two positive sides and a negative one.

    Args:
        positive: The first side.
        middle: The second.
        negative: What both are held against.
        scale: How far the first side is followed, away from the second.
        middle_scale: How far the second is followed, away from the negative one.
        nested: Mixes the first two, and the result with the negative; else the second with the negative, and then the
            difference of the first two is added.
        mix: The rule of mixing two predictions.
        perturbed: A disturbed model to be led away from: in what the first two sides say together if nested, else in
            what the second says.
    """

    positive: Prompts
    middle: Prompts
    negative: Prompts
    scale: float
    middle_scale: float
    nested: bool = False
    mix: Callable[[Mixed], Tensor] = plain
    perturbed: Perturbed | None = None

    @property
    def sides(self) -> list[Prompts]:
        """The first side, the second, and the negative one."""
        return [self.positive, self.middle, self.negative]

    def denoised(
        self, predict: Predict, sides: Sequence[Sequence[Placed]], x: Tensor, sigma: float, both: bool
    ) -> Denoised:
        """Denoises latents; see `Cfg.denoised`."""
        needless = [] if both or self.nested else [math.isclose(one, 1.0) for one in (self.middle_scale, self.scale)]
        if needless == [True, True]:
            (first,) = predict(sides[:1], x, sigma)
            return Denoised(first, first)
        if needless[:1] == [True]:
            first, middle = predict(sides[:2], x, sigma)
            return Denoised(self._pushed(middle, middle, sides[1], x, sigma) + (first - middle) * self.scale, middle)
        first, middle, negative = predict(sides, x, sigma)
        if self.nested:
            mixed = self.mix(Mixed(x, sigma, first, middle, self.scale))
            inner = self._pushed(mixed, first, sides[0], x, sigma)
            return Denoised(negative + self.middle_scale * (inner - negative), middle)
        mixed = self.mix(Mixed(x, sigma, middle, negative, self.middle_scale))
        outer = self._pushed(mixed, middle, sides[1], x, sigma)
        return Denoised(outer + (first - middle) * self.scale, negative)

    def _pushed(self, mixed: Tensor, alone: Tensor, side: Sequence[Placed], x: Tensor, sigma: float) -> Tensor:
        return mixed if self.perturbed is None else self.perturbed.pushed(mixed, alone, side, x, sigma)


Guide = Cfg | DualCfg
