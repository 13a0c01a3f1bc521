"""Schedules against their definitions, computed in other words."""

import math
from itertools import pairwise

import diffusers
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k import schedules
from sd_nodes.diffusion.k.levels import LogLevels, NoiseTable, noise_table

TABLE = noise_table({})
LOW, HIGH = float(TABLE.sigmas[0]), float(TABLE.sigmas[-1])


def log_sigma(step: float) -> float:
    """The logarithm of the level of a fractional step."""
    logs = TABLE.sigmas.double().log().tolist()
    low = min(int(step), len(logs) - 2)
    return float(logs[low] + (step - low) * (logs[low + 1] - logs[low]))


@pytest.mark.parametrize("name", sorted(schedules.SCHEDULES))
@settings(max_examples=20, deadline=None)
@given(steps=st.integers(1, 60))
def test_every_schedule_falls_from_the_highest_level_to_zero(name: str, steps: int) -> None:
    sigmas = schedules.complete(name, TABLE, steps)
    assert sigmas[-1] == 0.0
    assert all(earlier > later for earlier, later in pairwise(sigmas))
    if name != "ddim_uniform":
        assert sigmas[0] == pytest.approx(HIGH, rel=1e-5)
        assert len(sigmas) == steps + 1 or (name == "beta" and len(sigmas) < steps + 1)
    else:
        assert len(sigmas) - 1 >= steps


def test_normal_is_even_in_steps() -> None:
    found = schedules.normal(TABLE, 4)
    assert found[:-1] == pytest.approx([math.exp(log_sigma(step)) for step in (999, 666, 333, 0)], rel=1e-6)


def test_sgm_uniform_stops_above_the_first_step() -> None:
    found = schedules.sgm_uniform(TABLE, 4)
    assert found[:-1] == pytest.approx([math.exp(log_sigma(999 * part)) for part in (1, 0.75, 0.5, 0.25)], rel=1e-6)


def test_simple_takes_entries() -> None:
    assert schedules.simple(TABLE, 3) == [*(float(TABLE.sigmas[entry]) for entry in (999, 666, 333)), 0.0]


def test_ddim_uniform_may_take_one_more() -> None:
    assert schedules.ddim_uniform(TABLE, 6) == [*(float(TABLE.sigmas[1 + 166 * k]) for k in range(6, -1, -1)), 0.0]


@pytest.mark.parametrize(
    ("name", "option"), [("karras", "use_karras_sigmas"), ("exponential", "use_exponential_sigmas")]
)
def test_as_diffusers_has_them(name: str, option: str) -> None:
    scheduler = diffusers.EulerDiscreteScheduler(1000, 0.00085, 0.012, "scaled_linear", **{option: True})
    scheduler.set_timesteps(7)
    assert schedules.complete(name, TABLE, 7) == pytest.approx(scheduler.sigmas.tolist(), rel=2e-5)


def test_beta_takes_quantiles() -> None:
    """With both parameters 1 the distribution is even, with more entries than the table has they repeat."""
    assert schedules.beta(TABLE, 4, 1.0, 1.0) == [*(float(TABLE.sigmas[k]) for k in (999, 749, 500, 250)), 0.0]
    assert len(schedules.beta(TABLE, 3000)) == len(set(schedules.beta(TABLE, 3000)))


def test_linear_quadratic_begins_flat_and_joins_smoothly() -> None:
    found = [1 - sigma / HIGH for sigma in schedules.linear_quadratic(TABLE, 10)]
    assert found[:5] == pytest.approx([0.005 * k for k in range(5)], abs=1e-6)
    assert found[5] == pytest.approx(0.025, abs=1e-6)
    thirds = torch.tensor(found[5:], dtype=torch.float64).diff().diff().diff()
    assert thirds.abs().max() < 1e-5
    assert found[-1] == 1.0


def test_kl_optimal_is_even_in_angle() -> None:
    angles = [math.atan(sigma) for sigma in schedules.complete("kl_optimal", TABLE, 5)[:-1]]
    assert torch.tensor(angles).diff().std() < 1e-5
    assert angles[0] == pytest.approx(math.atan(HIGH))


def test_polyexponential_with_a_power() -> None:
    found = schedules.polyexponential(1.0, math.e, 3, rho=2.0)
    assert found == pytest.approx([math.e, math.exp(0.25), 1.0, 0.0])


def test_variance_preserving() -> None:
    found = schedules.variance_preserving(2, 19.9, 0.1, 0.001)
    assert found == pytest.approx(
        [math.sqrt(math.exp(10.05) - 1), math.sqrt(math.expm1(19.9e-6 / 2 + 1e-4)), 0.0], rel=1e-4
    )


def test_laplace_is_symmetric_about_its_median_and_clamped() -> None:
    found = schedules.laplace(0.001, 1000.0, 5, mu=0.3)
    assert math.log(found[2]) == pytest.approx(0.3, abs=1e-5)
    assert math.log(found[1]) + math.log(found[3]) == pytest.approx(0.6, abs=1e-4)
    assert schedules.laplace(LOW, HIGH, 5)[0] == pytest.approx(HIGH)


def test_turbo() -> None:
    entries = [*(float(TABLE.sigmas[step]) for step in (999, 899)), 0.0]
    assert schedules.turbo(TABLE, 2) == pytest.approx(entries)
    assert schedules.turbo(TABLE, 1, denoise=0.5) == pytest.approx([float(TABLE.sigmas[499]), 0.0])


def test_a_part_of_the_way_is_the_end_of_a_longer_schedule() -> None:
    assert schedules.scheduled("normal", TABLE, 3, 0.5) == schedules.normal(TABLE, 6)[-4:]
    assert schedules.by_steps("normal", TABLE, 3, 0.5) == schedules.normal(TABLE, 6)[-4:]
    assert schedules.scheduled("normal", TABLE, 3, 0.0) == schedules.by_steps("normal", TABLE, 3, 0.0) == []


def test_only_runs_by_steps_keep_more_steps_than_asked_for() -> None:
    assert len(schedules.by_steps("ddim_uniform", TABLE, 6)) == 8
    assert len(schedules.scheduled("ddim_uniform", TABLE, 6)) == 7


def test_dropping_the_last_level() -> None:
    assert schedules.by_steps("karras", TABLE, 4, drops_last=True) == [*schedules.complete("karras", TABLE, 5)[:4], 0.0]


def test_cutting() -> None:
    whole = [4.0, 3.0, 2.0, 1.0, 0.0]
    assert schedules.cut(whole, 1, 3, to_zero=False) == [3.0, 2.0, 1.0]
    assert schedules.cut(whole, 1, 3, to_zero=True) == [3.0, 2.0, 0.0]
    assert schedules.cut(whole, 0, 10000, to_zero=True) == whole
    assert schedules.cut(whole, 4, 10000, to_zero=True) == schedules.cut(whole, 3, 3, to_zero=True) == []


def test_where_the_lowest_level_is_zero_already_none_follows() -> None:
    """A step is not spent on going from nothing to nothing."""
    levels = LogLevels(1e-6, 80.0)
    for name in ("normal", "ddim_uniform"):
        found = schedules.complete(name, levels, 4)
        assert found[-1] == pytest.approx(1e-6, rel=0.05) and found[0] > 1
    assert len(schedules.normal(levels, 4)) == 5
    assert schedules.sgm_uniform(levels, 4)[-1] == 0.0


def test_what_has_no_root_and_no_logarithm_is_told() -> None:
    with pytest.raises(SettingError, match="rho is 0"):
        schedules.karras(0.1, 10.0, 4, rho=0.0)
    for schedule in (schedules.exponential, schedules.polyexponential):
        with pytest.raises(SettingError, match="over 0"):
            schedule(0.0, 10.0, 4)
    with pytest.raises(SettingError, match="both must be over 0"):
        schedules.beta(TABLE, 4, 0.0, 0.6)


@pytest.mark.parametrize(("name", "steps", "told"), [("carras", 4, "mean 'karras'"), ("normal", 0, "at least 1")])
def test_what_cannot_be_scheduled(name: str, steps: int, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        schedules.complete(name, TABLE, steps)


def test_the_table_is_that_of_stable_diffusion() -> None:
    scheduler = diffusers.DDIMScheduler(1000, 0.00085, 0.012, "scaled_linear")
    alphas = scheduler.alphas_cumprod.double()
    torch.testing.assert_close(TABLE.sigmas.double(), ((1 - alphas) / alphas).sqrt(), rtol=2e-4, atol=0)
    assert pytest.approx(0.0291675, rel=2e-5) == LOW
    assert pytest.approx(14.614642, rel=1e-6) == HIGH


@given(step=st.floats(0, 999))
def test_steps_to_levels_and_back(step: float) -> None:
    assert TABLE.sigma(step) == pytest.approx(math.exp(log_sigma(step)), rel=1e-5)
    assert abs(TABLE.timestep(TABLE.sigma(step)) - step) <= 0.51


def test_steps_outside_of_the_table_are_those_at_its_ends() -> None:
    assert TABLE.timestep(1000.0) == 999
    assert TABLE.timestep(1e-6) == 0
    assert TABLE.sigma(5000.0) == pytest.approx(HIGH)


@pytest.mark.parametrize("levels", [TABLE, LogLevels(0.01, 80.0), TABLE.thinned()])
def test_percents(levels: NoiseTable | LogLevels) -> None:
    assert levels.at_percent(0.0) > 1e8
    assert levels.at_percent(1.0) == 0.0
    found = [levels.at_percent(percent) for percent in (0.01, 0.3, 0.6, 0.99)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("percent", "steps", "index"), [(0.2, 6, 1), (0.4, 6, 2), (0.6, 6, 3), (0.5, 5, 2)])
def test_a_percentage_is_the_very_level_of_the_step_that_lies_there(percent: float, steps: int, index: int) -> None:
    assert TABLE.at_percent(percent) == schedules.normal(TABLE, steps)[index]


def test_a_distilled_table_has_fifty_levels() -> None:
    thin = TABLE.thinned()
    assert len(thin.sigmas) == 50
    assert [thin.timestep(float(sigma)) for sigma in thin.sigmas[:2]] == [19, 39]
    assert thin.timestep(HIGH) == 999
    assert thin.sigma(39) == pytest.approx(float(TABLE.sigmas[39]))


def test_a_table_with_zero_terminal_signal_is_that_of_diffusers() -> None:
    scheduler = diffusers.EulerDiscreteScheduler(1000, 0.00085, 0.012, "scaled_linear", rescale_betas_zero_snr=True)
    alphas = scheduler.alphas_cumprod[:-1].double()
    found = TABLE.zero_terminal().sigmas
    torch.testing.assert_close(found[:-1].double(), ((1 - alphas) / alphas).sqrt(), rtol=1e-3, atol=0)
    assert float(found[-1]) == pytest.approx(4518.76, rel=1e-4)


def test_levels_that_are_logarithms() -> None:
    levels = LogLevels(0.01, 80.0)
    assert levels.timestep(80.0) == pytest.approx(math.log(80.0) / 4)
    assert levels.sigma(levels.timestep(3.0)) == pytest.approx(3.0)
    assert levels.at_percent(0.5) == pytest.approx(math.sqrt(0.8))


def test_tables_by_configuration() -> None:
    given = noise_table({"beta_schedule": "linear", "beta_start": 0.1, "beta_end": 0.3, "num_train_timesteps": 3})
    alphas = torch.tensor([0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7])
    torch.testing.assert_close(given.sigmas, ((1 - alphas) / alphas).sqrt())
    torch.testing.assert_close(noise_table({"trained_betas": [0.1, 0.2, 0.3]}).sigmas, given.sigmas)
    with pytest.raises(SettingError, match="squaredcos_cap_v2"):
        noise_table({"beta_schedule": "squaredcos_cap_v2"})
