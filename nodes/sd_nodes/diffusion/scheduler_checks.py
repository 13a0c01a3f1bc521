"""What of a scheduler and its options does not fit: each other, or the model; without torch and diffusers."""

from collections.abc import Mapping

from sd_nodes.diffusion.errors import did_you_mean
from sd_nodes.diffusion.scheduler_names import FITTING, SHORT, Kind, resolve
from sd_nodes.diffusion.scheduler_options import SIGMAS, SPACING, TRAINING, ZERO_SNR, Options, Value
from sd_nodes.diffusion.scheduler_reasons import UNFIT

FLOW_FAMILIES = ("sd3", "flux")
"""The families of models that follow flows."""

WHICH: Mapping[Kind, str] = {
    "noise": "that predicts noise",
    "edm": "trained with EDM preconditioning",
    "flow": "that follows flows",
}

NOISE_ONLY = (set(TRAINING) | set(SPACING) | set(SIGMAS) | set(ZERO_SNR)) - {"num_train_timesteps"}
"""Options of schedulers for noise and flows that mean nothing, or make no sense, over the noise levels of a flow."""

CURVED = {"UniPCMultistepScheduler": ("use_karras_sigmas",)}
"""Those of them that a scheduler has for flows after all."""


def kind_of(config: Mapping[str, object]) -> Kind:
    """Returns what a model predicts, by the configuration of its own scheduler."""
    if "sigma_data" in config:
        return "edm"
    flows = str(config.get("_class_name", "")).startswith("FlowMatch") or config.get("use_flow_sigmas")
    return "flow" if flows or config.get("prediction_type") == "flow_prediction" else "noise"


def model_problems(name: str, options: Mapping[str, Value], kind: Kind) -> list[str]:
    """Says why a scheduler or its options do not fit a kind of models; an empty list means that they do.

    Args:
        name: A name that `resolve` takes.
        options: Option by option, what a user asks for.
        kind: What the model predicts.
    """
    named = resolve(name)
    scheduler, chosen = named.scheduler, {**named.preset, **options}
    fits = FITTING[scheduler].models
    if kind not in fits:
        there = [short for short, one in SHORT.items() if kind in FITTING[one.scheduler].models]
        plain = [short for short in there if not set(SHORT[short].preset) & set(SIGMAS)]
        model = "trained without EDM preconditioning" if fits == ("edm",) and kind == "noise" else WHICH[kind]
        return [f"{scheduler} does not fit a model {model}; these do: {', '.join(plain)}."]
    if kind == "noise":
        idle = [key for key in chosen if key == "flow_shift"]
        return [f"{scheduler}: {key} is for models that follow flows; this one predicts noise." for key in idle]
    if len(fits) == 1:
        return []
    idle = [key for key, value in chosen.items() if key in NOISE_ONLY and value is not False]
    return [
        f"{scheduler}: {key} is for models that predict noise; this one follows flows.{_flowing(key)}"
        for key in idle
        if key not in CURVED.get(scheduler, ())
    ]


def _flowing(key: str) -> str:
    """The schedulers that have an option for flows."""
    having = [
        short
        for short, named in SHORT.items()
        if FITTING[named.scheduler].models == ("flow",) and key in FITTING[named.scheduler].options
    ]
    return f" These have it for flows: {', '.join(having)}." if having else ""


def shift_option(name: str) -> str:
    """Returns what a scheduler of flows calls how far noise levels are shifted; no name is a model's own."""
    only = not name or FITTING[resolve(name).scheduler].models == ("flow",)
    return "shift" if only else "flow_shift"


def unfit_base(name: str, config: Mapping[str, object]) -> list[str]:
    """Says why no scheduler here continues that of a model; an empty list means that they may."""
    own = str(config.get("_class_name", ""))
    return [f"{name} does not fit this model, which is sampled with {own}: {UNFIT[own]}."] if own in UNFIT else []


def option_problems(name: str, options: Mapping[str, Value]) -> list[str]:
    """Says what is wrong with the options of a scheduler, all of it; an empty list means that they fit.

    Args:
        name: A name that `resolve` takes.
        options: Option by option, what a user asks for.
    """
    scheduler = resolve(name).scheduler
    found = [_problem(scheduler, key, value) for key, value in options.items()]
    sigmas = [key for key in SIGMAS if options.get(key)]
    if len(sigmas) > 1:
        found.append(f"{scheduler}: only one of {', '.join(sigmas)} can be on.")
    return [problem for problem in found if problem]


def _problem(scheduler: str, key: str, value: Value) -> str | None:
    known = FITTING[scheduler].all_options
    if key not in known:
        return f"{scheduler} has no option '{key}'.{_other_option(key, known)}"
    problem = known[key].problem(value)
    return problem and f"{scheduler}: {key}: {problem}"


def _other_option(key: str, known: Options) -> str:
    """The schedulers that have this option, or the nearest option of this one."""
    plain = {short: named.scheduler for short, named in SHORT.items() if not named.preset}
    having = [short for short, scheduler in plain.items() if key in FITTING[scheduler].all_options]
    if having:
        return f" These have it: {', '.join(having)}."
    return did_you_mean(key, known) or f" It has: {', '.join(known)}."
