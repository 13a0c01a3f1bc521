"""Stages that settle how is sampled: noise, guiders, samplers, noise levels, and what is patched on a model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from sd_nodes.diffusion.k import schedules
from sd_nodes.diffusion.k.freeu import Scales, with_freeu
from sd_nodes.diffusion.k.guidance import Cfg, DualCfg, Rescaled
from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.samplers.dpmpp_sde import dpmpp_2m_sde
from sd_nodes.diffusion.k.samplers.euler import euler_ancestral
from sd_nodes.diffusion.k.samplers.multistep import lms
from sd_nodes.diffusion.k.samplers.names import Named, named


def _dual(model, cond1, cond2, negative, cfg_conds, cfg_cond2_negative, style="regular"):
    return ((model, DualCfg(cond1, cond2, negative, cfg_conds, cfg_cond2_negative, style == "nested")),)


def _euler_ancestral(eta, s_noise):
    return (Named(partial(euler_ancestral, eta=eta, s_noise=s_noise)),)


def _dpmpp_2m_sde(solver_type, eta, s_noise, noise_device):
    return (Named(partial(dpmpp_2m_sde, eta=eta, s_noise=s_noise, solver=solver_type), noise="brownian"),)


def _scheduled(model, scheduler, steps, denoise):
    return (schedules.scheduled(scheduler, model.form.levels, steps, denoise),)


def _polyexponential(steps, sigma_max, sigma_min, rho):
    return (schedules.polyexponential(sigma_min, sigma_max, steps, rho),)


def _laplace(steps, sigma_max, sigma_min, mu, beta):
    return (schedules.laplace(sigma_min, sigma_max, steps, mu, beta),)


def _variance_preserving(steps, beta_d, beta_min, eps_s):
    return (schedules.variance_preserving(steps, beta_d, beta_min, eps_s),)


def _discrete(model, sampling, zsnr):
    return (replace(model, form=Parameterization.discrete(noise_table({}), sampling, zsnr)),)


def _continuous(model, sampling, sigma_max, sigma_min):
    return (replace(model, form=Parameterization.continuous(sampling, sigma_min, sigma_max)),)


def _freeu(model, b1, b2, s1, s2, by_mean=False):
    return (replace(model, unet=with_freeu(model.unet, Scales(b1, s1), Scales(b2, s2), by_mean=by_mean)),)


STAGES: dict[str, Callable[..., Any]] = {
    "RandomNoise": lambda noise_seed: (noise_seed,),
    "DisableNoise": lambda: (None,),
    "CFGGuider": lambda model, positive, negative, cfg: ((model, Cfg(positive, negative, cfg)),),
    "BasicGuider": lambda model, conditioning: ((model, Cfg(conditioning)),),
    "DualCFGGuider": _dual,
    "KSamplerSelect": lambda sampler_name: (named(sampler_name),),
    "SamplerEulerAncestral": _euler_ancestral,
    "SamplerDPMPP_2M_SDE": _dpmpp_2m_sde,
    "SamplerLMS": lambda order: (Named(partial(lms, order=order)),),
    "BasicScheduler": _scheduled,
    "KarrasScheduler": lambda steps, sigma_max, sigma_min, rho: (schedules.karras(sigma_min, sigma_max, steps, rho),),
    "ExponentialScheduler": lambda steps, sigma_max, sigma_min: (schedules.exponential(sigma_min, sigma_max, steps),),
    "PolyexponentialScheduler": _polyexponential,
    "LaplaceScheduler": _laplace,
    "VPScheduler": _variance_preserving,
    "BetaSamplingScheduler": lambda model, steps, alpha, beta: (schedules.beta(model.form.levels, steps, alpha, beta),),
    "SDTurboScheduler": lambda model, steps, denoise: (schedules.turbo(model.form.levels, steps, denoise),),
    "SplitSigmas": lambda sigmas, step: (sigmas[: step + 1], sigmas[step:]),
    "ModelSamplingDiscrete": _discrete,
    "ModelSamplingContinuousEDM": _continuous,
    "RescaleCFG": lambda model, multiplier: (replace(model, mix=lambda network: Rescaled(network, multiplier)),),
    "PerturbedAttentionGuidance": lambda model, scale: (replace(model, perturbed=scale),),
    "DifferentialDiffusion": lambda model, strength=1.0: (replace(model, gradual=strength),),
    "FreeU": _freeu,
    "FreeU_V2": partial(_freeu, by_mean=True),
}
