"""The stock nodes of sampling, as ComfyUI has them."""

from typing import get_args

from sd_nodes.sampler_names import SamplerName, ScheduleName
from tests.sd_nodes.stock.specs import SHARE, Nodes, Spec, count, number

SAMPLERS, SCHEDULES = list(get_args(SamplerName)), list(get_args(ScheduleName))
SEED = ("INT", 0, 0, 2**64 - 1, 1)
STEPS = count(20, 1, 10000)
CFG = number(8.0, 0.0, 100.0, 0.1)
AMOUNT = number(1.0, 0.0, 100.0)
NONE = number(0.0, 0.0, 100.0)
DEVICE = ["gpu", "cpu"]
PROMPTS: dict[str, Spec] = {"positive": "CONDITIONING", "negative": "CONDITIONING"}
LEVELS: dict[str, Spec] = {
    "steps": STEPS, "sigma_max": number(14.614642, 0.0, 5000.0), "sigma_min": number(0.0291675, 0.0, 5000.0),
}  # fmt: skip


def freeu(b1: float, b2: float) -> dict[str, Spec]:
    """The inputs of both versions of FreeU."""
    values = {"b1": b1, "b2": b2, "s1": 0.9, "s2": 0.2}
    return {"model": "MODEL", **{name: number(value, 0.0, 10.0) for name, value in values.items()}}


NODES: Nodes = {
    "KSampler": (
        {
            "model": "MODEL", "seed": SEED, "steps": STEPS, "cfg": CFG, "sampler_name": SAMPLERS,
            "scheduler": SCHEDULES, **PROMPTS, "latent_image": "LATENT", "denoise": SHARE,
        },
        ["LATENT"],
    ),
    "KSamplerAdvanced": (
        {
            "model": "MODEL", "add_noise": ["enable", "disable"], "noise_seed": SEED, "steps": STEPS, "cfg": CFG,
            "sampler_name": SAMPLERS, "scheduler": SCHEDULES, **PROMPTS, "latent_image": "LATENT",
            "start_at_step": count(0, 0, 10000), "end_at_step": count(10000, 0, 10000),
            "return_with_leftover_noise": ["disable", "enable"],
        },
        ["LATENT"],
    ),
    "SamplerCustom": (
        {
            "model": "MODEL", "add_noise": ("BOOLEAN", True), "noise_seed": SEED, "cfg": CFG, **PROMPTS,
            "sampler": "SAMPLER", "sigmas": "SIGMAS", "latent_image": "LATENT",
        },
        ["output", "denoised_output"],
    ),
    "SamplerCustomAdvanced": (
        {"noise": "NOISE", "guider": "GUIDER", "sampler": "SAMPLER", "sigmas": "SIGMAS", "latent_image": "LATENT"},
        ["output", "denoised_output"],
    ),
    "RandomNoise": ({"noise_seed": SEED}, ["NOISE"]),
    "DisableNoise": ({}, ["NOISE"]),
    "BasicGuider": ({"model": "MODEL", "conditioning": "CONDITIONING"}, ["GUIDER"]),
    "CFGGuider": ({"model": "MODEL", **PROMPTS, "cfg": CFG}, ["GUIDER"]),
    "DualCFGGuider": (
        {
            "model": "MODEL", "cond1": "CONDITIONING", "cond2": "CONDITIONING", "negative": "CONDITIONING",
            "cfg_conds": CFG, "cfg_cond2_negative": CFG, "style": ["regular", "nested"],
        },
        ["GUIDER"],
    ),
    "BasicScheduler": ({"model": "MODEL", "scheduler": SCHEDULES, "steps": STEPS, "denoise": SHARE}, ["SIGMAS"]),
    "KarrasScheduler": ({**LEVELS, "rho": number(7.0, 0.0, 100.0)}, ["SIGMAS"]),
    "ExponentialScheduler": (LEVELS, ["SIGMAS"]),
    "PolyexponentialScheduler": ({**LEVELS, "rho": AMOUNT}, ["SIGMAS"]),
    "LaplaceScheduler": (
        {**LEVELS, "mu": number(0.0, -10.0, 10.0, 0.1), "beta": number(0.5, 0.0, 10.0, 0.1)},
        ["SIGMAS"],
    ),
    "SDTurboScheduler": ({"model": "MODEL", "steps": count(1, 1, 10), "denoise": SHARE}, ["SIGMAS"]),
    "BetaSamplingScheduler": (
        {"model": "MODEL", "steps": STEPS, "alpha": number(0.6, 0.0, 50.0), "beta": number(0.6, 0.0, 50.0)},
        ["SIGMAS"],
    ),
    "VPScheduler": (
        {
            "steps": STEPS, "beta_d": number(19.9, 0.0, 5000.0), "beta_min": number(0.1, 0.0, 5000.0),
            "eps_s": number(0.001, 0.0, 1.0, 0.0001),
        },
        ["SIGMAS"],
    ),
    "SplitSigmas": ({"sigmas": "SIGMAS", "step": count(0, 0, 10000)}, ["high_sigmas", "low_sigmas"]),
    "SplitSigmasDenoise": ({"sigmas": "SIGMAS", "denoise": SHARE}, ["high_sigmas", "low_sigmas"]),
    "FlipSigmas": ({"sigmas": "SIGMAS"}, ["SIGMAS"]),
    "SetFirstSigma": ({"sigmas": "SIGMAS", "sigma": number(136.0, 0.0, 20000.0, 0.001)}, ["SIGMAS"]),
    "ExtendIntermediateSigmas": (
        {
            "sigmas": "SIGMAS", "steps": count(2, 1, 100), "start_at_sigma": number(-1.0, -1.0, 20000.0),
            "end_at_sigma": number(12.0, 0.0, 20000.0), "spacing": ["linear", "cosine", "sine"],
        },
        ["SIGMAS"],
    ),
    "ManualSigmas": ({"sigmas": ("STRING", "1, 0.5")}, ["SIGMAS"]),
    "SamplingPercentToSigma": (
        {
            "model": "MODEL", "sampling_percent": number(0.0, 0.0, 1.0, 0.0001),
            "return_actual_sigma": ("BOOLEAN", False),
        },
        ["sigma_value"],
    ),
    "AlignYourStepsScheduler": (
        {"model_type": ["SD1", "SDXL", "SVD"], "steps": count(10, 1, 10000), "denoise": SHARE},
        ["SIGMAS"],
    ),
    "AddNoise": (
        {"model": "MODEL", "noise": "NOISE", "sigmas": "SIGMAS", "latent_image": "LATENT"},
        ["LATENT"],
    ),
    "KSamplerSelect": ({"sampler_name": SAMPLERS}, ["SAMPLER"]),
    "SamplerEulerAncestral": ({"eta": AMOUNT, "s_noise": AMOUNT}, ["SAMPLER"]),
    "SamplerEulerAncestralCFGPP": ({"eta": SHARE, "s_noise": number(1.0, 0.0, 10.0)}, ["SAMPLER"]),
    "SamplerLMS": ({"order": count(4, 1, 100)}, ["SAMPLER"]),
    "SamplerDPMPP_2S_Ancestral": ({"eta": AMOUNT, "s_noise": AMOUNT}, ["SAMPLER"]),
    "SamplerDPMPP_SDE": (
        {"eta": AMOUNT, "s_noise": AMOUNT, "r": number(0.5, 0.0, 100.0), "noise_device": DEVICE},
        ["SAMPLER"],
    ),
    "SamplerDPMPP_2M_SDE": (
        {"solver_type": ["midpoint", "heun"], "eta": AMOUNT, "s_noise": AMOUNT, "noise_device": DEVICE},
        ["SAMPLER"],
    ),
    "SamplerDPMPP_3M_SDE": ({"eta": AMOUNT, "s_noise": AMOUNT, "noise_device": DEVICE}, ["SAMPLER"]),
    "SamplerDPMAdaptative": (
        {
            "order": count(3, 2, 3), "rtol": number(0.05, 0.0, 100.0), "atol": number(0.0078, 0.0, 100.0),
            "h_init": number(0.05, 0.0, 100.0), "pcoeff": NONE, "icoeff": AMOUNT, "dcoeff": NONE,
            "accept_safety": number(0.81, 0.0, 100.0), "eta": NONE, "s_noise": AMOUNT,
        },
        ["SAMPLER"],
    ),
    "SamplerER_SDE": (
        {
            "solver_type": ["ER-SDE", "Reverse-time SDE", "ODE"], "max_stage": count(3, 1, 3), "eta": AMOUNT,
            "s_noise": AMOUNT,
        },
        ["SAMPLER"],
    ),
    "SamplerSASolver": (
        {
            "model": "MODEL", "eta": number(1.0, 0.0, 10.0), "sde_start_percent": number(0.2, 0.0, 1.0, 0.001),
            "sde_end_percent": number(0.8, 0.0, 1.0, 0.001), "s_noise": AMOUNT, "predictor_order": count(3, 1, 6),
            "corrector_order": count(4, 0, 6), "use_pece": ("BOOLEAN", False), "simple_order_2": ("BOOLEAN", False),
        },
        ["SAMPLER"],
    ),
    "ModelSamplingDiscrete": (
        {"model": "MODEL", "sampling": ["eps", "v_prediction", "lcm", "x0", "img_to_img"], "zsnr": ("BOOLEAN", False)},
        ["MODEL"],
    ),
    "ModelSamplingContinuousEDM": (
        {
            "model": "MODEL", "sampling": ["v_prediction", "edm", "edm_playground_v2.5", "eps"],
            "sigma_max": number(120.0, 0.0, 1000.0, 0.001), "sigma_min": number(0.002, 0.0, 1000.0, 0.001),
        },
        ["MODEL"],
    ),
    "RescaleCFG": ({"model": "MODEL", "multiplier": number(0.7, 0.0, 1.0)}, ["MODEL"]),
    "FreeU": (freeu(1.1, 1.2), ["MODEL"]),
    "FreeU_V2": (freeu(1.3, 1.4), ["MODEL"]),
    "PerturbedAttentionGuidance": ({"model": "MODEL", "scale": number(3.0, 0.0, 100.0)}, ["MODEL"]),
    "SelfAttentionGuidance": (
        {"model": "MODEL", "scale": number(0.5, -2.0, 5.0), "blur_sigma": number(2.0, 0.0, 10.0, 0.1)},
        ["MODEL"],
    ),
    "CFGZeroStar": ({"model": "MODEL"}, ["patched_model"]),
    "CFGNorm": ({"model": "MODEL", "strength": AMOUNT}, ["patched_model"]),
    "Mahiro": ({"model": "MODEL"}, ["patched_model"]),
    "TCFG": ({"model": "MODEL"}, ["patched_model"]),
    "Epsilon Scaling": ({"model": "MODEL", "scaling_factor": number(1.005, 0.5, 1.5, 0.001)}, ["MODEL"]),
    "PerpNegGuider": (
        {
            "model": "MODEL", **PROMPTS, "empty_conditioning": "CONDITIONING", "cfg": CFG,
            "neg_scale": AMOUNT,
        },
        ["GUIDER"],
    ),
    "DifferentialDiffusion": ({"model": "MODEL", "strength": SHARE}, ["MODEL"]),
}  # fmt: skip
