"""From the recipe of a sampler to its formula."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sd_nodes.diffusion.k.samplers.dpm_solver import StepControl
from sd_nodes.diffusion.k.samplers.names import Named, named

if TYPE_CHECKING:
    from sd_nodes.sampling_types import Sampler

STEP_CONTROL = {
    "h_init": "first", "pcoeff": "proportional", "icoeff": "integral", "dcoeff": "derivative",
    "accept_safety": "safety",
}  # fmt: skip
"""What workflows call the settings of an adaptive solver's steps, and what the solver calls them."""


REVERSE_TIME = "reverse_time"
"""The setting of the extended reverse-time solver that lets noise shrink as a power of the noise level, less one."""


def sampler_of(recipe: Sampler) -> Named:
    """Return a sampler with its settings.

    Args:
        recipe: The recipe.

    Raises:
        SettingError: There is no such sampler.
    """
    found, given = named(recipe.name), dict[str, Any](recipe.settings)
    window = (given.pop("sde_start", found.window[0]), given.pop("sde_end", found.window[1]))
    control = {STEP_CONTROL[name]: given.pop(name) for name in list(given) if name in STEP_CONTROL}
    if control:
        given["control"] = StepControl(**control)
    if REVERSE_TIME in given:
        given["scale"] = partial(_power, exponent=given.pop(REVERSE_TIME) + 1)
    return replace(found, sampler=partial(found.sampler, **given), window=window) if given else found


def _power(sigma: float, exponent: float) -> float:
    return float(sigma**exponent)
