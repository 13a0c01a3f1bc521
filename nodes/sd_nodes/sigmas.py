"""Noise levels to visit: schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.sampler_names import ScheduleName
from sd_nodes.sampling_types import Sigmas
from sd_nodes.types import Model
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Sequence

Steps = Annotated[int, Range(1, 10000)]
Level = Annotated[float, Range(0.0, 5000.0, 0.01)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Rho = Annotated[float, Range(0.0, 100.0, 0.01)]
Power = Annotated[float, Range(0.0, 50.0, 0.01)]
SCHEDULERS = "sampling/custom_sampling/schedulers"


@node("Basic Scheduler", category=SCHEDULERS, id="BasicScheduler")
def basic_scheduler(
    model: Model,
    scheduler: ScheduleName = "simple",
    steps: Steps = 20,
    denoise: Share = 1.0,
    *,
    store: WeightStore,
) -> Sigmas:
    """Give the noise levels of a named schedule over those that a model knows.

    Args:
        model: The model.
        scheduler: The schedule.
        steps: How many steps are made.
        denoise: Which part of the way is gone: the steps are the last ones of a longer schedule.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import scheduled
    from sd_nodes.k_sampling import parameterization

    return _sigmas(scheduled(scheduler, parameterization(model, store).levels, steps, denoise))


@node("Karras Scheduler", category=SCHEDULERS, id="KarrasScheduler")
def karras_scheduler(
    steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 7.0
) -> Sigmas:
    """Spread the rho-th roots of noise levels evenly (arXiv:2206.00364).

    Args:
        steps: How many steps are made.
        sigma_max: The highest level.
        sigma_min: The lowest level before zero.
        rho: How much denser the low levels lie.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import karras

    return _sigmas(karras(sigma_min, sigma_max, steps, rho))


@node("Exponential Scheduler", category=SCHEDULERS, id="ExponentialScheduler", version=2)
def exponential_scheduler(steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675) -> Sigmas:
    """Spread the logarithms of noise levels evenly.

    Args:
        steps: How many steps are made.
        sigma_max: The highest level.
        sigma_min: The lowest level before zero.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import exponential

    return _sigmas(exponential(sigma_min, sigma_max, steps))


@node("Polyexponential Scheduler", category=SCHEDULERS, id="PolyexponentialScheduler")
def polyexponential_scheduler(
    steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 1.0
) -> Sigmas:
    """Let the logarithms of noise levels fall as a power of an even ramp.

    Args:
        steps: How many steps are made.
        sigma_max: The highest level.
        sigma_min: The lowest level before zero.
        rho: The power.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import polyexponential

    return _sigmas(polyexponential(sigma_min, sigma_max, steps, rho))


@node("Laplace Scheduler", category=SCHEDULERS, id="LaplaceScheduler")
def laplace_scheduler(
    steps: Steps = 20,
    sigma_max: Level = 14.614642,
    sigma_min: Level = 0.0291675,
    mu: Annotated[float, Range(-10.0, 10.0, 0.1)] = 0.0,
    beta: Annotated[float, Range(0.0, 10.0, 0.1)] = 0.5,
) -> Sigmas:
    """Take the quantiles of a Laplace distribution of the noise levels' logarithms (arXiv:2407.03297).

    Args:
        steps: How many levels there are; no zero follows them.
        sigma_max: The highest level.
        sigma_min: The lowest level.
        mu: The logarithm around which they lie closest.
        beta: How far they spread.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import laplace

    return _sigmas(laplace(sigma_min, sigma_max, steps, mu, beta))


@node("SD Turbo Scheduler", category=SCHEDULERS, id="SDTurboScheduler")
def sd_turbo_scheduler(
    model: Model, steps: Annotated[int, Range(1, 10)] = 1, denoise: Share = 1.0, *, store: WeightStore
) -> Sigmas:
    """Give the noise levels of models that are distilled to few steps (arXiv:2311.17042).

    Args:
        model: The model.
        steps: How many steps are made.
        denoise: Which part of the way is gone, in tenths.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import turbo
    from sd_nodes.k_sampling import parameterization

    return _sigmas(turbo(parameterization(model, store).levels, steps, denoise))


@node("Beta Sampling Scheduler", category=SCHEDULERS, id="BetaSamplingScheduler")
def beta_sampling_scheduler(
    model: Model, steps: Steps = 20, alpha: Power = 0.6, beta: Power = 0.6, *, store: WeightStore
) -> Sigmas:
    """Take noise levels at the quantiles of a beta distribution (arXiv:2407.12173).

    Args:
        model: The model.
        steps: How many steps are made; levels that fall together count once.
        alpha: The first parameter of the distribution.
        beta: The second parameter of the distribution.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k import schedules
    from sd_nodes.k_sampling import parameterization

    return _sigmas(schedules.beta(parameterization(model, store).levels, steps, alpha, beta))


@node("VP Scheduler", category=SCHEDULERS, id="VPScheduler")
def vp_scheduler(
    steps: Steps = 20,
    beta_d: Level = 19.9,
    beta_min: Level = 0.1,
    eps_s: Annotated[float, Range(0.0, 1.0, 0.0001)] = 0.001,
) -> Sigmas:
    """Follow the continuous variance-preserving process (arXiv:2011.13456).

    Args:
        steps: How many steps are made.
        beta_d: How much the rate of noise grows over the process.
        beta_min: The rate of noise at its begin.
        eps_s: The time at which the last level before zero lies.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import variance_preserving

    return _sigmas(variance_preserving(steps, beta_d, beta_min, eps_s))


@node("Align Your Steps", category=SCHEDULERS, id="AlignYourStepsScheduler")
def align_your_steps_scheduler(
    model_type: Literal["SD1", "SDXL", "SVD"] = "SD1",
    steps: Annotated[int, Range(1, 10000)] = 10,
    denoise: Share = 1.0,
) -> Sigmas:
    """Give the noise levels that were found best for a family of models (arXiv:2404.14507).

    Args:
        model_type: The family of models.
        steps: How many steps a whole run has; between the ten published ones the logarithm is linear.
        denoise: The part of them that is made, the last ones.

    Returns:
        SIGMAS: The noise levels.
    """
    from sd_nodes.diffusion.k.schedules import aligned

    return _sigmas(aligned(model_type, steps, denoise))


def _sigmas(levels: Sequence[float]) -> Sigmas:
    import torch

    return Sigmas(torch.tensor(levels, dtype=torch.float32))
