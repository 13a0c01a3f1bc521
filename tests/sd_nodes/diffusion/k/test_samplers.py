"""Samplers against a model whose exact solution is known."""

import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.run import Denoised, Sampler, ancestral
from sd_nodes.diffusion.k.samplers import dpm_solver, dpmpp, dpmpp_sde, euler, multistep, res, seeds
from sd_nodes.diffusion.k.samplers.names import SAMPLERS, named
from sd_nodes.diffusion.k.samplers.sa_solver import sa_solver
from sd_nodes.diffusion.k.samplers.uni_pc import uni_pc
from tests.sd_nodes.diffusion.k.gaussian import (
    DEVIATION,
    HIGH,
    LOW,
    MEAN,
    Counted,
    denoise,
    error,
    exact,
    last,
    levels,
    start,
)

ORDERS: dict[str, tuple[Sampler, int]] = {
    "euler": (euler.euler, 1),
    "euler_cfg_pp": (euler.euler_cfg_pp, 1),
    "heun": (euler.heun, 2),
    "dpm_2": (euler.dpm_2, 2),
    "lms of order 2": (partial(multistep.lms, order=2), 2),
    "lms of order 3": (partial(multistep.lms, order=3), 3),
    "deis of order 2": (partial(multistep.deis, order=2), 2),
    "dpmpp_2s": (partial(dpmpp.dpmpp_2s_ancestral, eta=0.0), 2),
    "dpmpp_2m_sde without noise": (partial(dpmpp_sde.dpmpp_2m_sde, eta=0.0), 2),
    "dpmpp_2m_sde_heun without noise": (partial(dpmpp_sde.dpmpp_2m_sde, eta=0.0, solver="heun"), 2),
    # Its first steps are of lower order, and their error stays.
    "dpmpp_3m_sde without noise": (partial(dpmpp_sde.dpmpp_3m_sde, eta=0.0), 2),
    "dpmpp_sde without noise": (partial(dpmpp_sde.dpmpp_sde, eta=0.0), 2),
    "dpmpp_2m": (dpmpp.dpmpp_2m, 2),
    "res_multistep": (res.res_multistep, 2),
    "seeds_2 without noise": (partial(seeds.seeds_2, eta=0.0), 2),
    "seeds_3 without noise": (partial(seeds.seeds_3, eta=0.0), 3),
    "sa_solver without noise": (partial(sa_solver, eta=0.0), 3),
    "sa_solver_pece without noise": (partial(sa_solver, eta=0.0, predictor=3, corrector=3, pece=True), 3),
    "sa_solver with simple weights": (partial(sa_solver, eta=0.0, predictor=2, corrector=2, simple=True), 2),
    "uni_pc": (partial(uni_pc, order=2), 2),
    "uni_pc_bh2": (partial(uni_pc, order=2, variant="bh2"), 2),
}

STOCHASTIC = [
    "euler_ancestral",
    "dpm_2_ancestral",
    "dpmpp_2s_ancestral",
    "dpmpp_sde",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_heun",
    "dpmpp_3m_sde",
    "ddpm",
    "lcm",
    "res_multistep_ancestral",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
]


@pytest.mark.parametrize("name", ORDERS)
def test_the_error_falls_with_the_order_of_the_method(name: str) -> None:
    sampler, order = ORDERS[name]
    coarse, fine = error(sampler, 60), error(sampler, 120)
    assert fine < 0.02
    assert math.log2(coarse / fine) > order - 0.25, (coarse, fine)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_ends_near_the_clean_latents(name: str) -> None:
    counted = Counted(seed=3)
    x = exact(start(20_000), 30.0, HIGH)
    ended = last(SAMPLERS[name].sampler, counted.run, x, [*levels(30, low=0.03), 0.0])
    assert ended.isfinite().all()
    if name.removesuffix("_gpu").removesuffix("_cfg_pp") in STOCHASTIC:
        return
    off = (ended - exact(x, HIGH, 0.0)).abs().max() / ended.std()
    assert off < (0.2 if name in {"dpm_fast", "dpm_adaptive"} else 0.1), off


@pytest.mark.parametrize("name", STOCHASTIC)
def test_noise_on_the_way_keeps_the_distribution(name: str) -> None:
    counted = Counted(seed=5)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(20_000, generator=generator, dtype=torch.float64)
    x = MEAN + noise * math.hypot(DEVIATION, HIGH)
    ended = last(SAMPLERS[name].sampler, counted.run, x, [*levels(80, low=0.03), 0.0])
    assert abs(float(ended.mean()) - MEAN) < 0.06
    # A consistency model is asked for its own samples, and the mean of a distribution is not one of them.
    if name != "lcm":
        assert abs(float(ended.std()) - DEVIATION) < 0.06
        assert abs(float(torch.corrcoef(torch.stack([ended, x]))[0, 1])) < (1.01 if name == "er_sde" else 0.9)


@pytest.mark.parametrize(
    ("guided", "plain"),
    [
        (euler.euler_cfg_pp, euler.euler),
        (partial(euler.euler_cfg_pp, eta=1.0), euler.euler_ancestral),
        (dpmpp.dpmpp_2m_cfg_pp, dpmpp.dpmpp_2m),
        (res.res_multistep_cfg_pp, res.res_multistep),
        (res.res_multistep_ancestral_cfg_pp, res.res_multistep_ancestral),
        (multistep.gradient_estimation_cfg_pp, multistep.gradient_estimation),
    ],
)
def test_without_guidance_cfg_pp_changes_nothing(guided: Sampler, plain: Sampler) -> None:
    sigmas, x = [*levels(7), 0.0], start(20_000)
    one, other = (last(sampler, Counted(seed=2).run, x, sigmas) for sampler in (guided, plain))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_over_one_level_or_none_nothing_is_done(name: str) -> None:
    assert list(SAMPLERS[name].sampler(Counted().run, start(), [])) == []
    assert list(SAMPLERS[name].sampler(Counted().run, start(), [3.0])) == []


@pytest.mark.parametrize(
    "name", sorted(set(SAMPLERS) - {"dpm_fast", "dpm_adaptive", "uni_pc", "uni_pc_bh2", "heunpp2"})
)
def test_one_step_to_zero_denoises(name: str) -> None:
    x = start(20_000)
    torch.testing.assert_close(last(SAMPLERS[name].sampler, Counted(seed=1).run, x, [HIGH, 0.0]), denoise(x, HIGH))


def test_where_more_noise_is_added_than_a_level_has_steps_begin_from_clean_latents_and_add_none() -> None:
    """As in every picture that was drawn so."""
    x, sigmas = start(), [HIGH, LOW]
    for sampler in (euler.euler_ancestral, euler.dpm_2):
        found = last(partial(sampler, eta=2.0), Counted(seed=1).run, x, sigmas)
        torch.testing.assert_close(found, denoise(x, HIGH))


def test_a_solver_without_corrections_only_predicts() -> None:
    """Of first order, its step is the exponential one."""
    x, sigmas = start(), levels(5)
    found = last(partial(sa_solver, eta=0.0, predictor=1, corrector=0), Counted().run, x, sigmas)
    expected = x
    for sigma, following in pairwise(sigmas):
        expected = (following / sigma) * expected + (1 - following / sigma) * denoise(expected, sigma)
    torch.testing.assert_close(found, expected)


def test_evaluations() -> None:
    """How often each kind of sampler asks the model over eight steps to zero."""
    expected = {"euler": 8, "heun": 15, "heunpp2": 21, "dpm_2": 15, "dpmpp_2m": 8, "dpm_fast": 8, "seeds_3": 22}
    for name, count in expected.items():
        counted = Counted(seed=1)
        list(SAMPLERS[name].sampler(counted.run, start(20_000), [*levels(7), 0.0]))
        assert len(counted.levels) == count, name


def test_polynomials_of_slopes_are_integrated_exactly() -> None:
    """Weights of order n reproduce the integral of every polynomial below degree n, for steps of any size."""
    sigmas = [9.0, 6.5, 5.0, 2.5, 2.0]
    for count in range(1, 5):
        found = multistep._polynomial_weights(sigmas, 3, count)
        for power in range(count):
            integral = (sigmas[4] ** (power + 1) - sigmas[3] ** (power + 1)) / (power + 1)
            assert sum(w * sigmas[3 - back] ** power for back, w in enumerate(found)) == pytest.approx(integral)


def test_even_steps_have_the_weights_of_adams_and_bashforth() -> None:
    even = [5.0, 4.0, 3.0, 2.0, 1.0]
    for count in range(1, 5):
        assert multistep._polynomial_weights(even, 3, count) == pytest.approx(multistep._even_weights(even, 3, count))
        if count < 4:
            assert multistep._uneven_weights(even, 3, count) == pytest.approx(multistep._even_weights(even, 3, count))


def test_adaptive_steps_end_at_the_lowest_level_and_ignore_those_between() -> None:
    x = start()
    few, many = (
        last(SAMPLERS["dpm_adaptive"].sampler, Counted().run, x, sigmas) for sigmas in ([HIGH, LOW], levels(9))
    )
    torch.testing.assert_close(few, many, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(few, exact(x, HIGH, LOW), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "sampler",
    [
        partial(dpm_solver.dpm_adaptive, order=2),
        partial(dpm_solver.dpm_adaptive, control=dpm_solver.StepControl(0.5, 0.1, 0.8, 0.05, 0.9)),
        partial(dpm_solver.dpm_adaptive, rtol=1e-4, atol=1e-5),
    ],
)
def test_options_of_adaptive_steps(sampler: Sampler) -> None:
    x = start()
    found = last(sampler, Counted().run, x, [HIGH, LOW])
    torch.testing.assert_close(found, exact(x, HIGH, LOW), rtol=0.05, atol=0.05)


def test_a_smaller_error_costs_more_evaluations() -> None:
    counts = []
    for rtol in (0.05, 0.0005):
        counted = Counted()
        list(dpm_solver.dpm_adaptive(counted.run, start(), [HIGH, LOW], rtol=rtol, atol=rtol / 10))
        counts.append(len(counted.levels))
    assert counts[1] > 1.5 * counts[0]


def test_adaptive_steps_with_noise_keep_the_distribution() -> None:
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = MEAN + noise * math.hypot(DEVIATION, HIGH)
    found = last(partial(dpm_solver.dpm_adaptive, eta=1.0), Counted(seed=3).run, x, [HIGH, 0.03])
    assert abs(float(found.mean()) - MEAN) < 0.06
    assert abs(float(found.std()) - DEVIATION) < 0.06


def test_latents_that_are_no_numbers_end_adaptive_steps() -> None:
    with pytest.raises(SettingError, match="NaN"):
        list(dpm_solver.dpm_adaptive(Counted().run, start() * math.nan, [HIGH, LOW]))


def test_a_sampler_that_is_not_there() -> None:
    with pytest.raises(SettingError, match="mean 'dpmpp_2m'"):
        named("dpmpp2m")


def test_an_ancestral_step_is_rounded_as_pictures_were_drawn() -> None:
    """What is left of a long step is a difference of nearly equal float32 numbers: here every third of its digits."""
    sigma, following = (torch.tensor(level) for level in (14.614642, 0.02171979))
    up = torch.minimum(following, (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
    found = ancestral(float(sigma), float(following), 1.0)
    assert found == (float((following**2 - up**2) ** 0.5), float(up))
    assert found.down != pytest.approx(float(following**2 / sigma), rel=1e-3)


@pytest.mark.parametrize(
    "name", ["euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral", "res_multistep_ancestral"]
)
def test_a_step_that_goes_nowhere_uses_up_noise(name: str) -> None:
    """Schedules may visit a level twice; what is drawn after it is what it would have been without the repeat."""
    counted = Counted(seed=1)
    asked: list[tuple[float, float]] = []

    def noise(*levels: float) -> torch.Tensor:
        asked.append(levels)
        return counted.run.noise(*levels)

    run = replace(counted.run, noise=noise)
    sigmas = [HIGH, HIGH, 5.0] if name != "res_multistep_ancestral" else [HIGH, 5.0, 5.0]
    with suppress(ZeroDivisionError):
        list(SAMPLERS[name].sampler(run, start(20_000), sigmas))
    assert asked[:2] == list(pairwise(sigmas))[: len(asked)]
    assert asked


def test_upwards_an_ancestral_sampler_draws_all_anew() -> None:
    x = start()
    torch.testing.assert_close(last(euler.euler_ancestral, Counted(seed=1).run, x, [LOW, HIGH]), denoise(x, LOW))


def test_a_solver_that_stops_above_zero_keeps_its_order_to_the_end() -> None:
    """So it is the beginning of any longer run; only on the way to zero are the last steps of lower order."""
    sigmas, x = levels(6), start()
    whole = [step.latents for step in sa_solver(Counted().run, x, sigmas, eta=0.0)]
    for steps in (2, 3, 4):
        found = last(partial(sa_solver, eta=0.0), Counted().run, x, sigmas[: steps + 1])
        torch.testing.assert_close(found, whole[steps - 1])


def test_what_a_solver_denoised_to_is_told_before_it_is_corrected() -> None:
    """So the denoised output of a run is that of its first evaluation at the last level."""
    seen: list[torch.Tensor] = []
    counted = Counted()

    def denoiser(x: torch.Tensor, sigma: float) -> Denoised:
        seen.append(x)
        return counted.run.denoiser(x, sigma)

    *_, step = sa_solver(replace(counted.run, denoiser=denoiser), start(), [*levels(3), 0.0], eta=0.0, pece=True)
    torch.testing.assert_close(step.denoised, denoise(seen[-2], LOW))
    torch.testing.assert_close(step.latents, denoise(seen[-1], LOW))


@pytest.mark.parametrize("end", [0.0, LOW])
def test_one_step_of_unipc_only_scales(end: float) -> None:
    x = start()
    (step,) = uni_pc(Counted().run, x, [HIGH, end])
    torch.testing.assert_close(step.latents, x * math.hypot(1, end or 0.001) / math.hypot(1, HIGH))
    torch.testing.assert_close(step.denoised, denoise(x, HIGH))


def test_adaptive_steps_also_lead_upwards() -> None:
    x = exact(start(), HIGH, LOW)
    found = last(dpm_solver.dpm_adaptive, Counted().run, x, [LOW, HIGH])
    torch.testing.assert_close(found, start(), rtol=0.02, atol=0.02)
    with pytest.raises(SettingError, match="eta must be 0"):
        list(dpm_solver.dpm_adaptive(Counted(seed=1).run, x, [LOW, HIGH], eta=1.0))


def test_adaptive_steps_with_more_noise_than_a_level_has() -> None:
    found = last(partial(dpm_solver.dpm_adaptive, eta=2.0), Counted(seed=1).run, start(20_000), [HIGH, LOW])
    assert found.isfinite().all()


@pytest.mark.parametrize(("first", "safety", "told"), [(0.0, 0.81, "first step is 0"), (0.05, 9.0, "No step is kept")])
def test_adaptive_steps_that_never_come_to_an_end(first: float, safety: float, told: str) -> None:
    control = dpm_solver.StepControl(first, safety=safety)
    with pytest.raises(SettingError, match=told):
        list(dpm_solver.dpm_adaptive(Counted().run, start(), [HIGH, LOW], control=control))
