"""The schedulers of diffusers that fit models of latents, and their options: a table without torch and diffusers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sd_nodes.diffusion.errors import SettingError, did_you_mean
from sd_nodes.diffusion.scheduler_options import (
    CHURN,
    CLIP,
    ETA,
    FLOW,
    LOWER,
    RESOLUTION,
    SIGMAS,
    SPACING,
    THRESHOLD,
    TRAINING,
    ZERO_SNR,
    Options,
    Value,
    boolean,
    choice,
    flag_list,
    integer,
    number,
)
from sd_nodes.diffusion.scheduler_reasons import UNFIT

Kind = Literal["noise", "edm", "flow"]
"""What a model predicts: noise (or a velocity, or the picture) at numbered timesteps, the same with EDM
preconditioning, or the straight flow from the noise to the picture (arXiv:2209.03003), as SD3 and Flux do."""


@dataclass(frozen=True)
class Fit:
    """A scheduler class that fits.

    Args:
        options: What its constructor takes.
        step_options: What its step takes beside the prediction, the timestep and the latents.
        models: The kinds of models that it samples.
    """

    options: Options
    step_options: Options = field(default_factory=dict)
    models: tuple[Kind, ...] = ("noise",)

    @property
    def all_options(self) -> Options:
        """Every option a user may set."""
        return {**self.options, **self.step_options}


_DPM_ALGORITHMS = ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")
_DPM_SOLVERS = ("midpoint", "heun")
_FINAL = {"final_sigmas_type": choice("zero", "sigma_min")}
_DDIM = {**TRAINING, **SPACING, **CLIP, **THRESHOLD, **ZERO_SNR, "set_alpha_to_one": boolean()}
_DDPM_VARIANCES = ("fixed_small", "fixed_small_log", "fixed_large")
_DDPM = {**TRAINING, **SPACING, **CLIP, **THRESHOLD, **ZERO_SNR, "variance_type": choice(*_DDPM_VARIANCES)}
_K = {**TRAINING, **SPACING, **SIGMAS}
_NOISE_OR_V = {"prediction_type": choice("epsilon", "v_prediction")}
_CLIPPED = {"lambda_min_clipped": number()}
_CONSISTENCY = {
    **TRAINING,
    **SPACING,
    **CLIP,
    **THRESHOLD,
    "set_alpha_to_one": boolean(),
    "original_inference_steps": integer(1, 1000),
    "timestep_scaling": number(0.0),
}
_EDM = {
    "sigma_min": number(0.0),
    "sigma_max": number(0.0),
    "sigma_data": number(0.0),
    "sigma_schedule": choice("karras", "exponential"),
    "num_train_timesteps": integer(1),
    **_NOISE_OR_V,
    "rho": number(0.0),
    **_FINAL,
}
_SHIFTED = {"flow_shift": number(0.0)}
_FLOWING = {**FLOW, **RESOLUTION, **SIGMAS}
_BOTH: tuple[Kind, ...] = ("noise", "flow")

FITTING: Mapping[str, Fit] = {
    "DDIMScheduler": Fit(_DDIM, ETA),
    "DDIMParallelScheduler": Fit(_DDIM, ETA),
    "DDPMScheduler": Fit(_DDPM),
    "DDPMParallelScheduler": Fit(_DDPM),
    "DEISMultistepScheduler": Fit(
        {
            **_K,
            **THRESHOLD,
            **LOWER,
            **_SHIFTED,
            "solver_order": integer(1, 3),
            "algorithm_type": choice("deis"),
            "solver_type": choice("logrho"),
        },
        models=_BOTH,
    ),
    "DPMSolverMultistepScheduler": Fit(
        {
            **_K,
            **THRESHOLD,
            **LOWER,
            **ZERO_SNR,
            **_FINAL,
            **_CLIPPED,
            **_SHIFTED,
            "solver_order": integer(1, 3),
            "algorithm_type": choice(*_DPM_ALGORITHMS),
            "solver_type": choice(*_DPM_SOLVERS),
            "euler_at_final": boolean(),
            "use_lu_lambdas": boolean(),
        },
        models=_BOTH,
    ),
    "DPMSolverSDEScheduler": Fit({**_K, **_NOISE_OR_V, "noise_sampler_seed": integer(0)}, {"s_noise": number(0.0)}),
    "DPMSolverSinglestepScheduler": Fit(
        {
            **TRAINING,
            **SIGMAS,
            **THRESHOLD,
            **LOWER,
            **_FINAL,
            **_CLIPPED,
            **_SHIFTED,
            "solver_order": integer(1, 3),
            "algorithm_type": choice("dpmsolver", "dpmsolver++", "sde-dpmsolver++"),
            "solver_type": choice(*_DPM_SOLVERS),
        },
        models=_BOTH,
    ),
    "EDMDPMSolverMultistepScheduler": Fit(
        {
            **_EDM,
            **THRESHOLD,
            **LOWER,
            "solver_order": integer(1, 3),
            "algorithm_type": choice("dpmsolver++", "sde-dpmsolver++"),
            "solver_type": choice(*_DPM_SOLVERS),
            "euler_at_final": boolean(),
        },
        models=("edm",),
    ),
    "EDMEulerScheduler": Fit(_EDM, CHURN, models=("edm",)),
    "EulerAncestralDiscreteScheduler": Fit({**TRAINING, **SPACING, **ZERO_SNR, **_NOISE_OR_V}),
    "EulerDiscreteScheduler": Fit(
        {
            **_K,
            **ZERO_SNR,
            **_FINAL,
            "interpolation_type": choice("linear", "log_linear"),
            "timestep_type": choice("discrete", "continuous"),
            "sigma_min": number(0.0, none=True),
            "sigma_max": number(0.0, none=True),
        },
        CHURN,
    ),
    "FlowMatchEulerDiscreteScheduler": Fit({**_FLOWING, "stochastic_sampling": boolean()}, models=("flow",)),
    "FlowMatchHeunDiscreteScheduler": Fit(FLOW, CHURN, models=("flow",)),
    "FlowMatchLCMScheduler": Fit(_FLOWING, models=("flow",)),
    "HeunDiscreteScheduler": Fit({**_K, **CLIP, **_NOISE_OR_V}),
    "KDPM2AncestralDiscreteScheduler": Fit({**_K, **_NOISE_OR_V}),
    "KDPM2DiscreteScheduler": Fit({**_K, **_NOISE_OR_V}),
    "LCMScheduler": Fit(_CONSISTENCY),
    "LMSDiscreteScheduler": Fit(_K, {"order": integer(1, 4)}),
    "PNDMScheduler": Fit(
        {**TRAINING, **SPACING, **_NOISE_OR_V, "skip_prk_steps": boolean(), "set_alpha_to_one": boolean()}
    ),
    "SASolverScheduler": Fit(
        {
            **_K,
            **THRESHOLD,
            **LOWER,
            **_CLIPPED,
            **_SHIFTED,
            "predictor_order": integer(1, 4),
            "corrector_order": integer(0, 4),
            "algorithm_type": choice("data_prediction", "noise_prediction"),
        },
        models=_BOTH,
    ),
    "TCDScheduler": Fit(_CONSISTENCY, {"eta": number(0.0, 1.0)}),
    "UniPCMultistepScheduler": Fit(
        {
            **_K,
            **THRESHOLD,
            **LOWER,
            **ZERO_SNR,
            **_FINAL,
            **_SHIFTED,
            "solver_order": integer(1, 3),
            "predict_x0": boolean(),
            "solver_type": choice("bh1", "bh2"),
            "disable_corrector": flag_list(),
            "sigma_min": number(0.0, none=True),
            "sigma_max": number(0.0, none=True),
        },
        models=_BOTH,
    ),
}


@dataclass(frozen=True)
class Named:
    """A short name: a scheduler class and what the name presets."""

    scheduler: str
    preset: Mapping[str, Value] = field(default_factory=dict)


_KARRAS: Mapping[str, Value] = {"use_karras_sigmas": True}
_SDE: Mapping[str, Value] = {"algorithm_type": "sde-dpmsolver++"}

SHORT: Mapping[str, Named] = {
    "ddim": Named("DDIMScheduler"),
    "ddim_parallel": Named("DDIMParallelScheduler"),
    "ddpm": Named("DDPMScheduler"),
    "ddpm_parallel": Named("DDPMParallelScheduler"),
    "deis": Named("DEISMultistepScheduler"),
    "dpm_2": Named("KDPM2DiscreteScheduler"),
    "dpm_2_ancestral": Named("KDPM2AncestralDiscreteScheduler"),
    "dpmpp_2m": Named("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpmpp_2m_karras": Named("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", **_KARRAS}),
    "dpmpp_2m_sde": Named("DPMSolverMultistepScheduler", _SDE),
    "dpmpp_2m_sde_karras": Named("DPMSolverMultistepScheduler", {**_SDE, **_KARRAS}),
    "dpmpp_2s": Named("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpmpp_sde": Named("DPMSolverSDEScheduler"),
    "edm_dpmpp_2m": Named("EDMDPMSolverMultistepScheduler"),
    "edm_euler": Named("EDMEulerScheduler"),
    "euler": Named("EulerDiscreteScheduler"),
    "euler_ancestral": Named("EulerAncestralDiscreteScheduler"),
    "flow_euler": Named("FlowMatchEulerDiscreteScheduler"),
    "flow_heun": Named("FlowMatchHeunDiscreteScheduler"),
    "flow_lcm": Named("FlowMatchLCMScheduler"),
    "heun": Named("HeunDiscreteScheduler"),
    "lcm": Named("LCMScheduler"),
    "lms": Named("LMSDiscreteScheduler"),
    "plms": Named("PNDMScheduler", {"skip_prk_steps": True}),
    "pndm": Named("PNDMScheduler"),
    "sa_solver": Named("SASolverScheduler"),
    "tcd": Named("TCDScheduler"),
    "unipc": Named("UniPCMultistepScheduler"),
}

NAMES: tuple[str, ...] = (*SHORT, *FITTING)
"""Every name that `resolve` takes: the short ones first, then diffusers' class names."""


def resolve(name: str) -> Named:
    """Finds a scheduler by its short name or its diffusers class name.

    Raises:
        SettingError: The scheduler is unknown, or does not fit a model of latents; the message says why.
    """
    if name in SHORT:
        return SHORT[name]
    if name in FITTING:
        return Named(name)
    if name in UNFIT:
        raise SettingError(f"Scheduler {name} does not fit a model of latents: {UNFIT[name]}.")
    hint = did_you_mean(name, NAMES)
    raise SettingError(f"There is no scheduler '{name}'.{hint} There are {', '.join(SHORT)}, and diffusers' own names.")
