"""How the predictions of several sides are mixed into one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sd_nodes.diffusion.guidance import rescaled
from sd_nodes.diffusion.k.corrections import Correction, Guided, corrected, tangential
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
class Cfg:
    """Guidance by a positive and a negative side.

    Args:
        positive: What the picture should show.
        negative: What it should not; where there is none it denoises to zeros.
        scale: How far the positive side is followed; at 1 the negative side is not computed.
        mix: The rule of mixing.
        corrections: What is done to the mixed prediction.
        both: Computes the negative side whatever the scale.
        damped: Leaves out of the negative prediction what it does not share with the positive one.
    """

    positive: Prompts
    negative: Prompts = ()
    scale: float = 1.0
    mix: Callable[[Mixed], Tensor] = plain
    corrections: Sequence[Correction] = ()
    both: bool = False
    damped: bool = False

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
        guided = both or self.both or not math.isclose(self.scale, 1.0)
        conditional, *rest = predict(sides if guided else sides[:1], x, sigma)
        if rest and self.damped:
            rest = [tangential(x, conditional, rest[0])]
        unguided = rest[0] if rest else conditional
        result = self.mix(Mixed(x, sigma, conditional, unguided, self.scale)) if rest else conditional
        if self.corrections:
            negative = rest[0] if rest else torch.zeros_like(x)
            given = Guided(x, sigma, result, conditional, negative, self.scale, sides[0], sides[1])
            result = corrected(given, self.corrections)
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
        corrections: What is done to what is mixed by that rule: of the first two sides if nested, else of the others.
        all: Computes all sides whatever the scales.
    """

    positive: Prompts
    middle: Prompts
    negative: Prompts
    scale: float
    middle_scale: float
    nested: bool = False
    mix: Callable[[Mixed], Tensor] = plain
    corrections: Sequence[Correction] = ()
    all: bool = False

    @property
    def sides(self) -> list[Prompts]:
        """The first side, the second, and the negative one."""
        return [self.positive, self.middle, self.negative]

    def denoised(
        self, predict: Predict, sides: Sequence[Sequence[Placed]], x: Tensor, sigma: float, both: bool
    ) -> Denoised:
        """Denoises latents; see `Cfg.denoised`."""
        whole = both or self.all or self.nested
        needless = [] if whole else [math.isclose(one, 1.0) for one in (self.middle_scale, self.scale)]
        if needless == [True, True]:
            (first,) = predict(sides[:1], x, sigma)
            return Denoised(first, first)
        if needless[:1] == [True]:
            first, middle = predict(sides[:2], x, sigma)
            given = Guided(x, sigma, middle, middle, torch.zeros_like(x), self.middle_scale, sides[1], sides[2])
            return Denoised(corrected(given, self.corrections) + (first - middle) * self.scale, middle)
        first, middle, negative = predict(sides, x, sigma)
        if self.nested:
            mixed = self.mix(Mixed(x, sigma, first, middle, self.scale))
            given = Guided(x, sigma, mixed, first, middle, self.scale, sides[0], sides[1])
            return Denoised(negative + self.middle_scale * (corrected(given, self.corrections) - negative), middle)
        mixed = self.mix(Mixed(x, sigma, middle, negative, self.middle_scale))
        given = Guided(x, sigma, mixed, middle, negative, self.middle_scale, sides[1], sides[2])
        return Denoised(corrected(given, self.corrections) + (first - middle) * self.scale, negative)


@dataclass(frozen=True)
class PerpNeg:
    """Guidance away from what of the negative side stands across the positive one (arXiv:2304.04968).

    Args:
        positive: What the picture should show.
        negative: What it should not.
        empty: What says nothing.
        scale: How far the positive side is followed, away from the empty one.
        negative_scale: How much the negative side counts against it; at 0 it is not computed.
        corrections: What is done to the mixed prediction.
        all: Computes all sides whatever the scales.
        damped: Leaves out of the negative prediction what it does not share with the positive one.
    """

    positive: Prompts
    negative: Prompts
    empty: Prompts
    scale: float
    negative_scale: float
    corrections: Sequence[Correction] = ()
    all: bool = False
    damped: bool = False

    @property
    def sides(self) -> list[Prompts]:
        """The positive side, the negative one, and the empty one."""
        return [self.positive, self.negative, self.empty]

    def denoised(
        self, predict: Predict, sides: Sequence[Sequence[Placed]], x: Tensor, sigma: float, both: bool
    ) -> Denoised:
        """Denoises latents; see `Cfg.denoised`."""
        whole = both or self.all
        unopposed = not whole and not self.negative_scale
        asked = [sides[0]]
        asked += [] if unopposed else [sides[1]]
        asked += [] if unopposed and math.isclose(self.scale, 1.0) else [sides[2]]
        conditional, *rest = predict(asked, x, sigma)
        zeros = torch.zeros_like(x)
        negative = zeros if unopposed else rest.pop(0)
        empty = rest.pop(0) if rest else zeros
        if self.damped and not unopposed:
            negative = tangential(x, conditional, negative)
        wanted, unwanted = conditional - empty, negative - empty
        across = unwanted - ((unwanted * wanted).sum() / wanted.norm() ** 2) * wanted
        mixed = empty + self.scale * (wanted - across * self.negative_scale)
        given = Guided(x, sigma, mixed, conditional, negative, self.scale, sides[0], sides[1])
        return Denoised(corrected(given, self.corrections), negative)


Guide = Cfg | DualCfg | PerpNeg
