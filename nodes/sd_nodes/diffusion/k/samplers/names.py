"""Samplers by the names that workflows use, and what each needs beside the formula."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sd_nodes.diffusion.errors import SettingError, did_you_mean
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.run import Sampler
from sd_nodes.diffusion.k.samplers import dpm_solver, dpmpp, dpmpp_sde, euler, multistep, renoising, res, seeds
from sd_nodes.diffusion.k.samplers.sa_solver import sa_solver
from sd_nodes.diffusion.k.samplers.uni_pc import uni_pc


@dataclass(frozen=True)
class Named:
    """A sampler, and how it is run.

    Args:
        sampler: The formula.
        noise: Where its noise comes from: drawn step by step, or taken from one Brownian path.
        unguided: It needs the unguided prediction even where the guidance scale is 1.
        drops_last: A run by steps makes the schedule one step longer, and drops the last level above zero.
        window: The parts of the noise levels between which a sampler with a stochastic middle part adds noise.
        own_mask_noise: Where there is a noise mask, the kept region gets other noise than the run starts from.
    """

    sampler: Sampler
    noise: Literal["steps", "brownian"] = "steps"
    unguided: bool = False
    drops_last: bool = False
    own_mask_noise: bool = False
    window: tuple[float, float] = (0.2, 0.8)


_SDE: Mapping[str, Sampler] = {
    "dpmpp_sde": dpmpp_sde.dpmpp_sde,
    "dpmpp_2m_sde": dpmpp_sde.dpmpp_2m_sde,
    "dpmpp_2m_sde_heun": partial(dpmpp_sde.dpmpp_2m_sde, solver="heun"),
    "dpmpp_3m_sde": dpmpp_sde.dpmpp_3m_sde,
}

SAMPLERS: dict[str, Named] = {
    "euler": Named(euler.euler),
    "euler_cfg_pp": Named(euler.euler_cfg_pp, unguided=True),
    "euler_ancestral": Named(euler.euler_ancestral),
    "euler_ancestral_cfg_pp": Named(partial(euler.euler_cfg_pp, eta=1.0), unguided=True),
    "heun": Named(euler.heun),
    "heunpp2": Named(euler.heunpp2),
    "dpm_2": Named(euler.dpm_2, drops_last=True),
    "dpm_2_ancestral": Named(partial(euler.dpm_2, eta=1.0), drops_last=True),
    "lms": Named(multistep.lms),
    "dpm_fast": Named(dpm_solver.dpm_fast),
    "dpm_adaptive": Named(dpm_solver.dpm_adaptive),
    "dpmpp_2s_ancestral": Named(dpmpp.dpmpp_2s_ancestral),
    "dpmpp_2s_ancestral_cfg_pp": Named(dpmpp.dpmpp_2s_ancestral_cfg_pp, unguided=True),
    "dpmpp_2m": Named(dpmpp.dpmpp_2m),
    "dpmpp_2m_cfg_pp": Named(dpmpp.dpmpp_2m_cfg_pp, unguided=True),
    **{name + place: Named(one, noise="brownian") for name, one in _SDE.items() for place in ("", "_gpu")},
    "ddpm": Named(renoising.ddpm),
    "lcm": Named(renoising.lcm),
    "ipndm": Named(multistep.ipndm),
    "ipndm_v": Named(multistep.ipndm_v),
    "deis": Named(multistep.deis),
    "res_multistep": Named(res.res_multistep),
    "res_multistep_cfg_pp": Named(res.res_multistep_cfg_pp, unguided=True),
    "res_multistep_ancestral": Named(res.res_multistep_ancestral),
    "res_multistep_ancestral_cfg_pp": Named(res.res_multistep_ancestral_cfg_pp, unguided=True),
    "gradient_estimation": Named(multistep.gradient_estimation),
    "gradient_estimation_cfg_pp": Named(multistep.gradient_estimation_cfg_pp, unguided=True),
    "er_sde": Named(seeds.er_sde),
    "seeds_2": Named(seeds.seeds_2),
    "seeds_3": Named(seeds.seeds_3),
    "sa_solver": Named(sa_solver),
    "sa_solver_pece": Named(partial(sa_solver, pece=True)),
    "ddim": Named(euler.euler, own_mask_noise=True),
    "uni_pc": Named(uni_pc, drops_last=True),
    "uni_pc_bh2": Named(partial(uni_pc, variant="bh2"), drops_last=True),
}
"""The samplers that editors list by name."""

FURTHER: dict[str, Named] = {
    "euler_cfg_pp_alternative": Named(euler.euler_cfg_pp_alternative, unguided=True),
    "lcm_upscale": Named(renoising.lcm_upscale),
}
"""Samplers that only have nodes of their own."""


FLOWING = frozenset((
    "euler", "euler_cfg_pp", "euler_ancestral", "heun", "heunpp2", "dpm_2", "lms", "dpmpp_2m", "ipndm", "ipndm_v",
    "deis", "res_multistep", "gradient_estimation", "ddim", "lcm",
))  # fmt: skip
"""Samplers that flow models are drawn by: those without noise of their own, and those that add it as flows have it."""


def demand_sampler(name: str, form: Parameterization) -> None:
    """Makes sure that a sampler goes with what a model predicts.

    Raises:
        SettingError: It adds noise as diffusion has it, and the model is one of flows.
    """
    if form.kind == "flow" and name not in FLOWING:
        there = ", ".join(sorted(FLOWING))
        raise SettingError(f"{name} adds noise as diffusion models have it; this flow model is drawn by {there}.")


def named(name: str) -> Named:
    """Returns a sampler by its name.

    Raises:
        SettingError: There is no such sampler.
    """
    if name in FURTHER:
        return FURTHER[name]
    if name not in SAMPLERS:
        raise SettingError(f"There is no sampler '{name}'.{did_you_mean(name, SAMPLERS)}")
    return SAMPLERS[name]
