"""A whole run: latents and noise in, denoised latents out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sd_nodes.diffusion.denoise import OnStep
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.guidance import Guide
from sd_nodes.diffusion.k.masking import Kept, Rule, latent_mask
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.noise import (
    LARGEST_SEED,
    Noise,
    SeedRule,
    after_start,
    brownian_noise,
    start_noise,
    step_noise,
)
from sd_nodes.diffusion.k.regions import Placed, sides_placed
from sd_nodes.diffusion.k.run import Denoised, Run, Step
from sd_nodes.diffusion.k.samplers.names import Named


@dataclass(frozen=True)
class Sampling:
    """What a run consists of, beside where it starts.

    Args:
        network: The model.
        guide: The prompts, and how their predictions are mixed.
        sampler: How the predictions become steps.
        sigmas: The noise levels to visit, falling.
        seed: Where noise on the way comes from.
        seed_rule: How it comes from there on a CPU.
        mask_rule: Makes what becomes of a noise mask at each level from the levels of the run.
        drawing: Draws whatever else is drawn at random on the CPU, in the order in which it is asked for; that of the
            start noise if there is none.
    """

    network: Network
    guide: Guide
    sampler: Named
    sigmas: Sequence[float]
    seed: int = 0
    seed_rule: SeedRule = "next"
    mask_rule: Callable[[Sequence[float]], Rule] | None = None
    drawing: torch.Generator | None = None


@torch.no_grad()
def sample(
    sampling: Sampling, latents: Tensor, noise: Tensor, mask: Tensor | None = None, on_step: OnStep | None = None
) -> Step:
    """Adds noise to latents and denoises them.

    Args:
        sampling: The model, the prompts and the rest.
        latents: Clean latents on the model's scale, [batch, channel, height, width]; zeros where there is no picture.
        noise: Standard normal in the same shape, or zeros where the latents bear their noise already.
        mask: 1 where the latents may change, [masks, height, width]; everywhere if there is none.
        on_step: Is told after each step how many are done, how many there are, and what the latents denoise to.

    Returns:
        The latents at the last noise level, and what they were denoised to last; both as given if there is no step.

    Raises:
        SettingError: A prompt is bound to an area beyond the latents, or the sampler cannot go where the noise levels
            lead.
    """
    sigmas = list(sampling.sigmas)
    if not sigmas:
        return Step(latents, latents)
    form = sampling.network.parameterization
    kept = _kept(sampling, latents, noise, mask)
    x = form.noised(latents, noise, sigmas[0])
    window = [form.levels.at_percent(part) for part in sampling.sampler.window]
    drawing = sampling.drawing or after_start(x.shape, sampling.seed)
    run = Run(
        _denoiser(sampling, latents, kept),
        _noise(sampling, x),
        (window[0], window[1]),
        lambda grown: torch.randn(grown.shape, generator=drawing).to(grown),
        form.kind == "flow",
    )
    step = Step(x, x)
    try:
        for index, step in enumerate(sampling.sampler.sampler(run, x, sigmas)):
            if on_step is not None:
                on_step(index + 1, max(len(sigmas) - 1, index + 1), step.denoised)
    except (ZeroDivisionError, ValueError) as error:
        _demand_falling(sigmas, error)
        raise
    # Latents of a flow model that keep noise are brought to the signal's full strength.
    rest = 1 - sigmas[-1] if run.flow and 0 < sigmas[-1] < 1 else 1.0
    return step if rest == 1.0 else Step(step.latents / rest, step.denoised)


def _demand_falling(sigmas: Sequence[float], error: Exception) -> None:
    """Tells where noise levels do not fall, which most formulas cannot be worked out for."""
    for number, (sigma, following) in enumerate(pairwise(sigmas), start=1):
        if not sigma > following:
            raise SettingError(
                f"Step {number} goes from the noise level {sigma:g} to {following:g}: this sampler needs levels that "
                "fall with each step; euler goes any way."
            ) from error


def _kept(sampling: Sampling, latents: Tensor, noise: Tensor, mask: Tensor | None) -> Kept | None:
    if mask is None:
        return None
    if sampling.sampler.own_mask_noise:
        noise = start_noise(noise.shape, (sampling.seed + 1) & LARGEST_SEED).to(noise)
    rule = sampling.mask_rule(sampling.sigmas) if sampling.mask_rule else None
    flow = sampling.network.parameterization.kind == "flow"
    return Kept(latent_mask(mask, latents), latents, noise, rule, flow)


def _noise(sampling: Sampling, x: Tensor) -> Noise:
    if sampling.sampler.noise == "brownian" and max(sampling.sigmas) > 0:
        return brownian_noise(x, sampling.sigmas, sampling.seed)
    return step_noise(x, sampling.seed, sampling.seed_rule)


def _check_areas(sides: Sequence[Sequence[Placed]], latents: Tensor) -> None:
    areas = (one.where(latents) for side in sides for one in side)
    if beyond := [f"x = {area.left}, y = {area.top}" for area in areas if area.height <= 0 or area.width <= 0]:
        size = f"{latents.shape[3]} x {latents.shape[2]}"
        raise SettingError(
            f"A prompt's area begins beyond the latents, at {' and '.join(beyond)} of {size}: a latent spans 8 pixels."
        )


def _denoiser(sampling: Sampling, latents: Tensor, kept: Kept | None) -> Callable[[Tensor, float], Denoised]:
    network, guide = sampling.network, sampling.guide
    sides = sides_placed(guide.sides, *latents.shape[2:])
    _check_areas(sides, latents)
    both = sampling.sampler.unguided

    def denoised(x: Tensor, sigma: float) -> Denoised:
        if kept is None:
            return guide.denoised(network.predict, sides, x, sigma, both)
        mask = kept.at(sigma)
        mixed = kept.before(x, mask, sigma)
        guided, unguided = guide.denoised(network.predict, sides, mixed, sigma, both)
        return Denoised(kept.after(guided, mask), unguided)

    return denoised
