"""Samplers by name, and samplers with settings of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.sampler_names import SamplerName
from sd_nodes.sampling_types import Sampler
from sd_nodes.types import Model

Amount = Annotated[float, Range(0.0, 100.0, 0.01)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Fraction = Annotated[float, Range(0.0, 1.0, 0.001)]
Order = Annotated[int, Range(1, 6)]
Place = Literal["gpu", "cpu"]
SAMPLERS = "sampling/custom_sampling/samplers"


@node("KSamplerSelect", category=SAMPLERS, id="KSamplerSelect", static=True)
def ksampler_select(sampler_name: SamplerName = "euler") -> Sampler:
    """Choose a sampler.

    Args:
        sampler_name: How the model's predictions become steps.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler(sampler_name)


@node("SamplerEulerAncestral", category=SAMPLERS, id="SamplerEulerAncestral", static=True)
def sampler_euler_ancestral(eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Make Euler steps, each with fresh noise.

    Args:
        eta: How much noise is added: 0 none, 1 as much as the reverse of the diffusion process has.
        s_noise: What that noise is multiplied by.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("euler_ancestral", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerEulerAncestralCFG++", category=SAMPLERS, id="SamplerEulerAncestralCFGPP", static=True)
def sampler_euler_ancestral_cfg_pp(
    eta: Share = 1.0, s_noise: Annotated[float, Range(0.0, 10.0, 0.01)] = 1.0
) -> Sampler:
    """Make Euler steps along the unguided slope, each with fresh noise (CFG++, arXiv:2406.08070).

    Args:
        eta: How much noise is added: 0 none, 1 as much as the reverse of the diffusion process has.
        s_noise: What that noise is multiplied by.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("euler_ancestral_cfg_pp", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerLMS", category=SAMPLERS, id="SamplerLMS", static=True)
def sampler_lms(order: Annotated[int, Range(1, 100)] = 4) -> Sampler:
    """Extrapolate from the slopes of the last steps.

    Args:
        order: How many slopes.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("lms", (("order", order),))


@node("SamplerDPMPP_2S_Ancestral", category=SAMPLERS, id="SamplerDPMPP_2S_Ancestral", static=True)
def sampler_dpmpp_2s_ancestral(eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Make steps of DPM-Solver++ (arXiv:2211.01095) with two evaluations, each with fresh noise.

    Args:
        eta: How much noise is added.
        s_noise: What that noise is multiplied by.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("dpmpp_2s_ancestral", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMPP_SDE", category=SAMPLERS, id="SamplerDPMPP_SDE", static=True)
def sampler_dpmpp_sde(
    eta: Amount = 1.0, s_noise: Amount = 1.0, r: Amount = 0.5, noise_device: Place = "gpu"
) -> Sampler:
    """Make steps of the stochastic DPM-Solver++ (arXiv:2211.01095) with two evaluations.

    Args:
        eta: How much noise is added.
        s_noise: What that noise is multiplied by.
        r: Where within a step the second evaluation lies.
        noise_device: Changes nothing: the noise is drawn on the CPU, so that it is the same everywhere.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("dpmpp_sde", (("eta", eta), ("s_noise", s_noise), ("r", r)))


@node("SamplerDPMPP_2M_SDE", category=SAMPLERS, id="SamplerDPMPP_2M_SDE", static=True)
def sampler_dpmpp_2m_sde(
    solver_type: Literal["midpoint", "heun"] = "midpoint",
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
    noise_device: Place = "gpu",
) -> Sampler:
    """Make steps of the stochastic DPM-Solver++ (arXiv:2211.01095) from the last two predictions.

    Args:
        solver_type: How the two predictions are weighed.
        eta: How much noise is added.
        s_noise: What that noise is multiplied by.
        noise_device: Changes nothing: the noise is drawn on the CPU, so that it is the same everywhere.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("dpmpp_2m_sde", (("solver", solver_type), ("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMPP_3M_SDE", category=SAMPLERS, id="SamplerDPMPP_3M_SDE", static=True)
def sampler_dpmpp_3m_sde(eta: Amount = 1.0, s_noise: Amount = 1.0, noise_device: Place = "gpu") -> Sampler:
    """Make steps of the stochastic DPM-Solver++ (arXiv:2211.01095) from the last three predictions.

    Args:
        eta: How much noise is added.
        s_noise: What that noise is multiplied by.
        noise_device: Changes nothing: the noise is drawn on the CPU, so that it is the same everywhere.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("dpmpp_3m_sde", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMAdaptative", category=SAMPLERS, id="SamplerDPMAdaptative", static=True)
def sampler_dpm_adaptative(
    order: Annotated[int, Range(2, 3)] = 3,
    rtol: Amount = 0.05,
    atol: Amount = 0.0078,
    h_init: Amount = 0.05,
    pcoeff: Amount = 0.0,
    icoeff: Amount = 1.0,
    dcoeff: Amount = 0.0,
    accept_safety: Amount = 0.81,
    eta: Amount = 0.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """Choose the steps of DPM-Solver (arXiv:2206.00927) by their error; only the ends of the noise levels count.

    Args:
        order: The solver's order.
        rtol: The error allowed, as a part of the latents.
        atol: The error allowed beside it.
        h_init: The length of the first step, in the logarithm of the noise level.
        pcoeff: How much the error counts against the one before.
        icoeff: How much the error itself counts.
        dcoeff: How much the change of the error's change counts.
        accept_safety: A step is kept if the next one would be longer than this part of it.
        eta: How much noise is added.
        s_noise: What that noise is multiplied by.

    Returns:
        SAMPLER: The sampler.
    """
    steps = (("h_init", h_init), ("pcoeff", pcoeff), ("icoeff", icoeff), ("dcoeff", dcoeff))
    error = (("order", order), ("rtol", rtol), ("atol", atol), ("accept_safety", accept_safety))
    return Sampler("dpm_adaptive", (*error, *steps, ("eta", eta), ("s_noise", s_noise)))


@node("SamplerER_SDE", category=SAMPLERS, id="SamplerER_SDE", static=True)
def sampler_er_sde(
    solver_type: Literal["ER-SDE", "Reverse-time SDE", "ODE"] = "ER-SDE",
    max_stage: Annotated[int, Range(1, 3)] = 3,
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """Solve an extended reverse-time equation (arXiv:2309.06169).

    Args:
        solver_type: The equation: the paper's own, that of the reverse process, or one without noise.
        max_stage: From how many predictions a step is made at most.
        eta: How much noise the reverse process adds; the other equations leave it alone.
        s_noise: What the noise is multiplied by.

    Returns:
        SAMPLER: The sampler.
    """
    if solver_type == "ER-SDE":
        return Sampler("er_sde", (("order", max_stage), ("s_noise", s_noise)))
    added = 0.0 if solver_type == "ODE" else eta
    noise = s_noise if added else 0.0
    return Sampler("er_sde", (("order", max_stage), ("s_noise", noise), ("reverse_time", added)))


@node("SamplerSASolver", category=SAMPLERS, id="SamplerSASolver", static=True)
def sampler_sa_solver(
    model: Model,
    eta: Annotated[float, Range(0.0, 10.0, 0.01)] = 1.0,
    sde_start_percent: Fraction = 0.2,
    sde_end_percent: Fraction = 0.8,
    s_noise: Amount = 1.0,
    predictor_order: Order = 3,
    corrector_order: Annotated[int, Range(0, 6)] = 4,
    use_pece: bool = False,
    simple_order_2: bool = False,
) -> Sampler:
    """Predict from the last predictions, and correct with the next (SA-Solver, arXiv:2309.05019).

    Args:
        model: The model, whose noise levels the fractions are of.
        eta: How much noise is added.
        sde_start_percent: The fraction of the noise table before which no noise is added.
        sde_end_percent: The fraction of the noise table after which no noise is added.
        s_noise: What that noise is multiplied by.
        predictor_order: From how many predictions a step is predicted at most.
        corrector_order: With how many predictions it is corrected at most.
        use_pece: Whether corrected latents are evaluated once more.
        simple_order_2: Whether two predictions are weighed by the length of the step alone.

    Returns:
        SAMPLER: The sampler.
    """
    orders = (("predictor", predictor_order), ("corrector", corrector_order))
    noise = (("eta", eta), ("s_noise", s_noise), ("sde_start", sde_start_percent), ("sde_end", sde_end_percent))
    return Sampler("sa_solver", (*orders, *noise, ("pece", use_pece), ("simple", simple_order_2)))


@node("SamplerLCMUpscale", category=SAMPLERS, id="SamplerLCMUpscale", static=True)
def sampler_lcm_upscale(
    scale_ratio: Annotated[float, Range(0.1, 20.0, 0.01)] = 1.0,
    scale_steps: Annotated[int, Range(-1, 1000)] = -1,
    upscale_method: Literal["bislerp", "nearest-exact", "bilinear", "area", "bicubic"] = "bislerp",
) -> Sampler:
    """Denoise all the way at each step as consistency models do, while the latents grow.

    Args:
        scale_ratio: How many times larger the latents become.
        scale_steps: In how many steps they do; -1 is half of them.
        upscale_method: How they are scaled.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("lcm_upscale", (("scale", scale_ratio), ("steps", scale_steps), ("method", upscale_method)))


@node("SamplerEulerCFG++", category="_for_testing", id="SamplerEulerCFGpp", static=True)
def sampler_euler_cfg_pp(version: Literal["regular", "alternative"] = "regular") -> Sampler:
    """Make Euler steps along the unguided slope (CFG++, arXiv:2406.08070).

    Args:
        version: `alternative` adds what guidance changed to the guided slope instead.

    Returns:
        SAMPLER: The sampler.
    """
    return Sampler("euler_cfg_pp" if version == "regular" else "euler_cfg_pp_alternative")
