"""Swaps the scheduler that a model is sampled with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Literal, cast

from graph_runtime import Choices, NodeError, Range, Text, node
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.scheduler_checks import FLOW_FAMILIES, model_problems, option_problems, shift_option
from sd_nodes.diffusion.scheduler_names import FITTING, NAMES, Kind, resolve
from sd_nodes.types import Model, Option, Scheduler

Name = Annotated[str, Choices(lambda folders: NAMES, open=True)]
SPACINGS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}


@node("Swap Scheduler", category="sampling", static=True)
def swap_scheduler(
    model: Model,
    scheduler: Name = "unipc",
    sigmas: Literal["own", "uniform", "karras", "exponential", "beta"] = "own",
    timestep_spacing: Literal["own", "linspace", "leading", "trailing"] = "own",
    prediction_type: Literal["own", "epsilon", "v_prediction", "sample"] = "own",
    rescale_betas_zero_snr: bool | None = None,
    solver_order: Annotated[int | None, Range(1, 4)] = None,
    algorithm_type: str | None = None,
    solver_type: str | None = None,
    final_sigmas_type: Literal["own", "zero", "sigma_min"] = "own",
    lower_order_final: bool | None = None,
    eta: Annotated[float | None, Range(0.0, 1.0, 0.01)] = None,
    s_noise: Annotated[float | None, Range(0.0, None, 0.01)] = None,
    more: Annotated[str, Text()] = "",
    shift: Annotated[float | None, Range(0.01, 100.0, 0.01)] = None,
) -> Model:
    """Sample a model with another scheduler of diffusers, on the noise schedule that it was trained with.

    Options that are left alone stay as the model has them. An option that the scheduler does not have is refused.

    Args:
        model: The model.
        scheduler: A short name (`unipc`, `euler`, `dpmpp_2m_karras`, ...) or the name of a diffusers class.
        sigmas: How the noise levels are spaced; `own` leaves it to the scheduler's name and the model. `beta` is as in
            diffusers: the levels themselves are spread by a beta distribution (arXiv:2407.12173), so few are low and
            fewer than 50 steps smear the picture; that of KSampler spreads timesteps, and does with few.
        timestep_spacing: Which timesteps are visited.
        prediction_type: What the model predicts; set it only where the model's own configuration is wrong.
        rescale_betas_zero_snr: Whether the first timestep is pure noise (arXiv:2305.08891).
        solver_order: The order of a multistep solver.
        algorithm_type: The algorithm of DPM solvers, such as `dpmsolver++` or `sde-dpmsolver++`.
        solver_type: The kind of solver, such as `midpoint`, `heun`, `bh1` or `bh2`.
        final_sigmas_type: The noise level after the last step.
        lower_order_final: Whether the last steps are of lower order.
        eta: The share of fresh noise in a step of DDIM or TCD.
        s_noise: The scale of noise that is put back.
        more: Further options by diffusers' names, as JSON: `{"steps_offset": 1}`.
        shift: How far a flow model's noise levels are shifted towards noise, such as 3 for SD3; larger pictures need
            more. Only for the models that follow flows, SD3 and after.

    Returns:
        MODEL: The model with this scheduler.
    """
    named: dict[str, Option] = {
        "timestep_spacing": timestep_spacing,
        "prediction_type": prediction_type,
        "rescale_betas_zero_snr": rescale_betas_zero_snr,
        "solver_order": solver_order,
        "algorithm_type": algorithm_type,
        "solver_type": solver_type,
        "final_sigmas_type": final_sigmas_type,
        "lower_order_final": lower_order_final,
        "eta": eta,
        "s_noise": s_noise,
    }
    options: dict[str, Option] = {name: value for name, value in named.items() if value not in (None, "own", "")}
    try:
        options |= _spacing(scheduler, sigmas) | _more(more)
        options |= {} if shift is None else {shift_option(scheduler): shift}
        kind: Kind = "flow" if model.family in FLOW_FAMILIES else "noise"
        problems = option_problems(scheduler, options) or _unfit(scheduler, options, kind)
    except SettingError as error:
        raise NodeError(str(error), input="scheduler") from None
    if problems:
        raise NodeError(" ".join(problems))
    return replace(model, scheduler=Scheduler(scheduler, tuple(sorted(options.items()))))


def _unfit(scheduler: str, options: dict[str, Option], kind: Kind) -> list[str]:
    """Tell what does not fit a family of models; whether one has EDM preconditioning only its own scheduler tells."""
    return (
        []
        if kind == "noise" and "edm" in FITTING[resolve(scheduler).scheduler].models
        else model_problems(scheduler, options, kind)
    )


def _spacing(scheduler: str, sigmas: str) -> dict[str, Option]:
    """Turn the choice of noise levels into the switches that diffusers has for it: one is on, the others are off."""
    if sigmas == "own":
        return {}
    has = FITTING[resolve(scheduler).scheduler].all_options
    off: dict[str, Option] = {switch: False for switch in SPACINGS.values() if switch in has}
    return off if sigmas == "uniform" else off | {SPACINGS[sigmas]: True}


def _more(text: str) -> dict[str, Option]:
    if not text.strip():
        return {}
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f'found no JSON ({error}), needs options such as {{"steps_offset": 1}}.'
        raise NodeError(message, input="more") from None
    if not isinstance(values, dict):
        raise NodeError('found no table, needs options such as {"steps_offset": 1}.', input="more")
    odd = [name for name, value in values.items() if not isinstance(value, str | int | float | bool | None)]
    if odd:
        raise NodeError(f"{odd[0]}: found a list or a table, needs a number, a text, true or false.", input="more")
    return cast("dict[str, Option]", values)
