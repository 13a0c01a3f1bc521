"""`comfy.samplers`: the names that packs list to choose from."""

from __future__ import annotations

from typing import Any, NamedTuple

SAMPLER_NAMES = [
    "euler", "euler_ancestral", "heun", "dpm_2", "dpm_2_ancestral", "lms", "dpmpp_2s_ancestral", "dpmpp_sde",
    "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m_sde", "ddpm", "lcm", "ddim", "uni_pc", "uni_pc_bh2",
]  # fmt: skip
SCHEDULER_NAMES = [
    "simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal", "linear_quadratic",
    "kl_optimal",
]  # fmt: skip


class SchedulerHandler(NamedTuple):
    """How a pack makes the noise levels of a scheduler of its own; our samplers know only their own."""

    handler: Any
    use_ms: bool = True


SCHEDULER_HANDLERS: dict[str, SchedulerHandler] = {name: SchedulerHandler(None) for name in SCHEDULER_NAMES}


class KSampler:
    """The names of samplers and schedulers."""

    SAMPLERS = SAMPLER_NAMES
    SCHEDULERS = SCHEDULER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS: frozenset[str] = frozenset()
