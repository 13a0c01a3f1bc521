import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import diffusers
import pytest
import torch
from diffusers import schedulers as theirs
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.diffusion.denoise import draw_noise, seeded, text_to_image
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.schedule import full_schedule
from sd_nodes.diffusion.scheduler_checks import model_problems, option_problems
from sd_nodes.diffusion.scheduler_names import FITTING, NAMES, SHORT, resolve
from sd_nodes.diffusion.scheduler_reasons import UNFIT
from sd_nodes.diffusion.schedulers import make_scheduler
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask
from tests.sd_nodes.models import SCHEDULER_CONFIG, Models, small_models

EDM_CONFIG = {"_class_name": "EDMEulerScheduler", "sigma_data": 0.5}
FLOW_CONFIG = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "num_train_timesteps": 1000}
CONFIGS = {"noise": SCHEDULER_CONFIG, "edm": EDM_CONFIG, "flow": FLOW_CONFIG}
LEFT_OUT = {
    # Not a value a user can write down.
    "trained_betas",
    "tau_func",
    "solver_p",
    # Set where the model follows flows.
    "use_flow_sigmas",
    "use_dynamic_shifting",
    "time_shift_type",
    "shift_terminal",
    # For models of video, and for latents that grow on the way.
    "invert_sigmas",
    "scale_factors",
    "upscale_mode",
    # For models that predict a variance beside the noise, which latent UNets do not.
    "variance_type",
    # NaN with the first timestep of consistency models.
    "rescale_betas_zero_snr",
}
IDLE_STEPS = {"FlowMatchEulerDiscreteScheduler"}
"""Its step takes options that it does nothing with."""
HANDED_OVER = {"self", "model_output", "timestep", "sample", "generator", "return_dict", "variance_noise"}


def classes() -> Iterator[str]:
    """Every scheduler that diffusers has, the withdrawn ones too."""
    for module in pkgutil.walk_packages(theirs.__path__, theirs.__name__ + "."):
        for name, thing in vars(importlib.import_module(module.name)).items():
            if (
                inspect.isclass(thing)
                and issubclass(thing, theirs.SchedulerMixin)
                and thing is not theirs.SchedulerMixin
            ):
                yield name


@pytest.fixture(scope="module")
def models() -> Models:
    return small_models()


def test_every_scheduler_of_diffusers_fits_or_has_a_reason() -> None:
    assert set(classes()) == set(FITTING) | set(UNFIT)
    assert not set(FITTING) & set(UNFIT)
    assert all(reason for reason in UNFIT.values())


def test_every_scheduler_that_fits_has_a_short_name() -> None:
    assert {named.scheduler for named in SHORT.values()} == set(FITTING)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_every_name_makes_its_scheduler(name: str) -> None:
    named = resolve(name)
    config = CONFIGS[FITTING[named.scheduler].models[0]]
    solver = make_scheduler(name, config).solver
    assert isinstance(solver, getattr(diffusers, named.scheduler))
    assert type(solver).__name__ == named.scheduler
    assert {key: solver.config[key] for key in named.preset} == named.preset


@pytest.mark.parametrize("name", FITTING)
def test_the_table_has_the_options_that_diffusers_has(name: str) -> None:
    scheduler, fit = getattr(diffusers, name), FITTING[name]
    constructor = set(inspect.signature(scheduler.__init__).parameters) - {"self"}
    step = set(inspect.signature(scheduler.step).parameters) - HANDED_OVER - {"pred_original_sample"}
    assert set(fit.options) <= constructor
    assert constructor - set(fit.options) <= LEFT_OUT
    assert set(fit.step_options) == (step if name not in IDLE_STEPS else set())


@pytest.mark.parametrize("name", FITTING)
def test_the_defaults_of_diffusers_fit(name: str) -> None:
    defaults = inspect.signature(getattr(diffusers, name).__init__).parameters
    own = {key: defaults[key].default for key in FITTING[name].options if defaults[key].default is not None}
    assert option_problems(name, own) == []


def test_the_names_need_neither_torch_nor_diffusers() -> None:
    code = "import sys; import sd_nodes.diffusion.scheduler_names; print({'torch', 'diffusers'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="nodes")
    assert found.stdout.strip() == "set()"


def test_a_missing_package_is_told() -> None:
    code = """
import sys, torch
sys.modules["torchsde"] = sys.modules["scipy"] = None
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.schedule import full_schedule
from sd_nodes.diffusion.schedulers import make_scheduler
full_schedule(make_scheduler("unipc", {}), 3, torch.Generator(), torch.device("cpu"))
for name, options in [("dpmpp_sde", {}), ("lms", {}), ("unipc", {"use_beta_sigmas": True})]:
    try:
        make_scheduler(name, {}, options)
    except SettingError as told:
        print(told)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="nodes")
    sde, lms, beta = found.stdout.splitlines()
    assert "needs a missing package" in sde and "torchsde" in sde
    assert "needs a missing package" in lms and "scipy" in lms
    assert "needs a missing package" in beta and "scipy" in beta


def test_the_model_has_its_own_scheduler() -> None:
    solver = make_scheduler("", SCHEDULER_CONFIG).solver
    assert type(solver) is diffusers.PNDMScheduler
    assert solver.config.steps_offset == 1


def test_a_scheduler_continues_the_models_noise_schedule() -> None:
    solver = make_scheduler("ddim", SCHEDULER_CONFIG).solver
    assert solver.config.beta_end == SCHEDULER_CONFIG["beta_end"]
    assert solver.config.beta_schedule == "scaled_linear"


def test_options_win_over_presets() -> None:
    solver = make_scheduler("dpmpp_2m_karras", SCHEDULER_CONFIG, {"use_karras_sigmas": False}).solver
    assert solver.config.use_karras_sigmas is False
    assert solver.config.algorithm_type == "dpmsolver++"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("unipcc", {}, ["'unipcc'", "Did you mean 'unipc'?"]),
        ("FlowMatchEulerDiscreteScheduler", {}, ["does not fit a model that predicts noise", "these do: ddim"]),
        ("unipc", {"flow_shift": 3.0}, ["flow_shift is for models that follow flows; this one predicts noise"]),
        ("IPNDMScheduler", {}, ["does not fit", "cannot start from a picture"]),
        ("ddim", {"use_karras_sigmas": True}, ["DDIMScheduler has no option 'use_karras_sigmas'", "unipc"]),
        ("unipc", {"solver_ordr": 2}, ["has no option 'solver_ordr'", "Did you mean 'solver_order'?"]),
        ("unipc", {"karras": True}, ["has no option 'karras'", "Did you mean 'use_karras_sigmas'?"]),
        ("unipc", {"solver_order": 7}, ["solver_order: 7 is given", "from 1 to 3"]),
        ("unipc", {"solver_order": True}, ["solver_order: True is given", "a whole number"]),
        ("unipc", {"lower_order_final": "yes"}, ["'yes' is given", "true or false"]),
        ("unipc", {"timestep_spacing": "trailling"}, ["Did you mean 'trailing'?"]),
        ("unipc", {"use_karras_sigmas": True, "use_beta_sigmas": True}, ["only one of"]),
        ("unipc", {"solver_type": "bh1"}, ["bh1", "final_sigmas_type"]),
        ("unipc", {"lower_order_final": False}, ["lower_order_final", "sigma_min"]),
        ("heun", {"prediction_type": "sample"}, ["epsilon, v_prediction"]),
        ("euler", {"s_churn": float("nan")}, ["s_churn: nan is given"]),
        ("dpmpp_2m", {"algorithm_type": "dpmsolver"}, ["refuses these options together"]),
        ("edm_euler", {}, ["without EDM preconditioning"]),
    ],
)
def test_what_does_not_fit_is_told(name: str, options: dict[str, bool | int | str], words: list[str]) -> None:
    with pytest.raises(SettingError) as told:
        make_scheduler(name, SCHEDULER_CONFIG, options)
    assert all(word in str(told.value) for word in words), str(told.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingError) as told:
        make_scheduler("edm_euler", SCHEDULER_CONFIG, {"eta": 2.0, "rho": -1.0})
    assert len(str(told.value).splitlines()) == 3


def test_a_model_with_edm_preconditioning_takes_no_other_scheduler() -> None:
    with pytest.raises(SettingError, match="with EDM preconditioning"):
        make_scheduler("unipc", EDM_CONFIG)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("euler", {}, ["EulerDiscreteScheduler does not fit a model that follows flows", "flow_euler", "unipc"]),
        ("dpmpp_2m", {"use_beta_sigmas": True}, ["use_beta_sigmas is for models that predict noise", "flow_euler"]),
        ("dpmpp_2m", {"prediction_type": "epsilon"}, ["prediction_type is for models that predict noise"]),
        ("unipc", {"rescale_betas_zero_snr": True}, ["rescale_betas_zero_snr is for models that predict noise"]),
        ("flow_heun", {"use_beta_sigmas": True}, ["FlowMatchHeunDiscreteScheduler has no option 'use_beta_sigmas'"]),
    ],
)
def test_what_does_not_fit_a_flow_model_is_told(name: str, options: dict[str, bool | str], words: list[str]) -> None:
    with pytest.raises(SettingError) as told:
        make_scheduler(name, FLOW_CONFIG, options)
    assert all(word in str(told.value) for word in words), str(told.value)


def test_a_scheduler_for_both_continues_the_flow_of_the_model() -> None:
    config = make_scheduler("unipc", FLOW_CONFIG).solver.config
    assert (config.use_flow_sigmas, config.prediction_type, config.flow_shift) == (True, "flow_prediction", 3.0)
    assert make_scheduler("unipc", FLOW_CONFIG, {"flow_shift": 1.5}).solver.config.flow_shift == 1.5
    assert not model_problems("unipc", {"use_karras_sigmas": True}, "flow")


@pytest.mark.parametrize(("name", "shift"), [("flow_heun", "shift"), ("sa_solver", "flow_shift")])
def test_what_cannot_shift_by_size_wants_a_shift(name: str, shift: str) -> None:
    by_size = FLOW_CONFIG | {"use_dynamic_shifting": True}
    with pytest.raises(SettingError, match="cannot shift noise levels by the size of the picture"):
        make_scheduler(name, by_size)
    make_scheduler(name, by_size, {shift: 3.0})
    make_scheduler("flow_euler", by_size)


@given(st.text(max_size=30))
def test_any_unknown_name_is_told(name: str) -> None:
    if name not in NAMES:
        with pytest.raises(SettingError):
            resolve(name)


@given(
    st.sampled_from(list(FITTING)), st.text(max_size=20), st.one_of(st.none(), st.booleans(), st.floats(), st.text())
)
def test_any_unknown_option_is_told(name: str, key: str, value: bool | float | str | None) -> None:
    problems = option_problems(name, {key: value})
    assert problems or key in FITTING[name].all_options
    assert all(name in problem for problem in problems)


def test_options_of_the_step_are_handed_over(models: Models) -> None:
    noise = draw_noise((1, 4, 8, 8), seeded(1), models.unet)
    plain, noisy = (
        text_to_image(ours.sampling(models, Ask("ddim", options=options)), noise, seeded(1))
        for options in ({}, {"eta": 1.0})
    )
    assert not torch.equal(plain, noisy)


def test_brownian_noise_follows_the_seed(models: Models) -> None:
    first, again, other = (ours.from_text(models, Ask("dpmpp_sde", seed=seed, steps=2)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("name", "steps"), [("unipc", 0), ("lcm", 100), ("unipc", -3)])
def test_steps_that_cannot_be_made(models: Models, name: str, steps: int) -> None:
    noise = draw_noise((1, 4, 8, 8), seeded(1), models.unet)
    with pytest.raises(SettingError, match=str(steps)):
        text_to_image(ours.sampling(models, Ask(name, steps=steps)), noise, seeded(1))


def test_latents_that_are_no_numbers_are_told(models: Models) -> None:
    noise = torch.full((1, 4, 8, 8), float("inf"))
    with pytest.raises(SettingError, match="no longer numbers"):
        text_to_image(ours.sampling(models, Ask()), noise, seeded(1))


@pytest.mark.parametrize("name", ["unipc", "dpmpp_2m", "deis", "sa_solver", "dpmpp_2s"])
def test_levels_crowded_at_the_start_are_all_visited(name: str) -> None:
    """In 50 steps Beta levels share the first timestep with the second."""
    config = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.02, "beta_schedule": "scaled_linear"}
    made = make_scheduler(name, config, {"use_beta_sigmas": True})
    schedule = full_schedule(made, 50, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert schedule.timesteps[0] == schedule.timesteps[1]
    latents = torch.ones(1, 4, 8, 8) * schedule.highest
    for timestep in schedule.timesteps:
        latents = schedule.step(torch.zeros(1, 4, 8, 8), timestep, schedule.scale(latents, timestep))
    assert latents.isfinite().all()
