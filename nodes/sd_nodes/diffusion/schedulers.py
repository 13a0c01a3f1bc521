"""Diffusers' schedulers, made by name: nothing that is asked for is ignored."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

import diffusers
from diffusers import SchedulerMixin

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.scheduler_checks import kind_of, model_problems, option_problems, unfit_base
from sd_nodes.diffusion.scheduler_names import FITTING, Named, resolve
from sd_nodes.diffusion.scheduler_options import Value
from sd_nodes.diffusion.unipc import UniPCMultistepScheduler

OWN = {"UniPCMultistepScheduler": UniPCMultistepScheduler}
"""Schedulers of diffusers that are computed otherwise, with the same results."""


@dataclass(frozen=True)
class Scheduler:
    """A diffusers scheduler and what each of its steps is given.

    Args:
        solver: The diffusers scheduler; a run works on a copy of it.
        step_options: Options of the step, such as `eta`.
    """

    solver: SchedulerMixin
    step_options: Mapping[str, Value] = field(default_factory=dict)


def make_scheduler(
    name: str, base_config: Mapping[str, object], options: Mapping[str, Value] | None = None
) -> Scheduler:
    """Makes a scheduler that continues a model's noise schedule.

    A diffusers class name makes exactly what the class's `from_config` makes; a short name may preset options.

    Args:
        name: A short name ("unipc"), a diffusers class name, or "" for the model's own scheduler.
        base_config: The configuration of the model's own scheduler, as its JSON file holds it.
        options: Options of the constructor and of the step, by diffusers' names; they win over the presets.

    Raises:
        SettingError: The scheduler or some of its options are unknown or do not fit; all problems at once.
    """
    options = options or {}
    named = resolve(name or str(base_config.get("_class_name", "")))
    own = _base_problems(named, base_config, options)
    problems = [*own, *option_problems(named.scheduler, options)]
    if problems:
        raise SettingError("\n".join(problems))
    step_options = FITTING[named.scheduler].step_options
    chosen = {**named.preset, **_flowing(named.scheduler, base_config), **options}
    return Scheduler(
        solver=_construct(named, base_config, {key: value for key, value in chosen.items() if key not in step_options}),
        step_options={key: value for key, value in chosen.items() if key in step_options},
    )


def _base_problems(named: Named, base_config: Mapping[str, object], options: Mapping[str, Value]) -> list[str]:
    """What a scheduler cannot continue, and options that mean nothing for the model."""
    if not base_config:
        return []
    scheduler, chosen = named.scheduler, {**named.preset, **options}
    found = unfit_base(scheduler, base_config) or model_problems(scheduler, chosen, kind_of(base_config))
    fixed = options.keys() & {"shift", "flow_shift"}
    if not found and base_config.get("use_dynamic_shifting") and not fixed and not takes_shift(_class(scheduler)):
        found = [
            f"{scheduler} cannot shift noise levels by the size of the picture, as this model does; set its shift."
        ]
    return found


def _flowing(scheduler: str, base_config: Mapping[str, object]) -> dict[str, Value]:
    """How a scheduler for noise and flows is told that it samples flows, as diffusers' users tell it."""
    if kind_of(base_config) != "flow" or FITTING[scheduler].models == ("flow",):
        return {}
    shift = base_config.get("shift", base_config.get("flow_shift", 1.0))
    assert isinstance(shift, float | int)
    return {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}


def _construct(named: Named, base_config: Mapping[str, object], options: Mapping[str, Value]) -> SchedulerMixin:
    try:
        solver = _class(named.scheduler).from_config(dict(base_config), **options)
    except ImportError as missing:
        raise SettingError(f"{named.scheduler} needs a missing package: {sentence(missing)}") from missing
    except (ValueError, NotImplementedError) as refused:
        raise SettingError(f"{named.scheduler} refuses these options together: {sentence(refused)}") from refused
    if problem := _zero_by_zero(solver):
        raise SettingError(problem)
    return solver


def _class(scheduler: str) -> type[SchedulerMixin]:
    found: type[SchedulerMixin] = OWN.get(scheduler) or getattr(diffusers, scheduler)
    return found


def _zero_by_zero(solver: SchedulerMixin) -> str:
    """Options of UniPC with which its last step divides zero by zero, and every latent becomes NaN."""
    config = solver.config
    if not isinstance(solver, diffusers.UniPCMultistepScheduler) or config.final_sigmas_type != "zero":
        return ""
    cure = "set final_sigmas_type to sigma_min"
    if config.solver_type == "bh1":
        return f"UniPCMultistepScheduler: solver_type bh1 cannot end at a noise level of zero; take bh2, or {cure}."
    if config.solver_order > 1 and not config.lower_order_final:
        return f"UniPCMultistepScheduler: without lower_order_final it cannot end at a noise level of zero; {cure}."
    return ""


def sentence(error: Exception) -> str:
    """Returns what an error says, in one line."""
    return " ".join(str(error).split())


def takes_shift(kind: type[SchedulerMixin]) -> bool:
    """Tells whether a scheduler can shift its noise levels by the size of the picture."""
    parameters = inspect.signature(kind.set_timesteps).parameters
    return "mu" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
