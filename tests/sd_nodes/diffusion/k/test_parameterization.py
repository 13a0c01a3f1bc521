"""Every parameterization against the quantity it is named after."""

import math

import pytest
import torch
from diffusers import EulerDiscreteScheduler, LCMScheduler

from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.parameterization import Kind, Parameterization

CLEAN, NOISE = (torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
SIGMAS = [0.03, 0.7, 5.0, 14.6]


def told(kind: Kind, sigma: float) -> torch.Tensor:
    """What a perfect model of a kind returns."""
    alpha, level = 1 / math.sqrt(1 + sigma**2), sigma / math.sqrt(1 + sigma**2)
    return {"eps": NOISE, "x0": CLEAN, "v_prediction": alpha * NOISE - level * CLEAN}[kind]


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("kind", ["eps", "x0", "v_prediction"])
def test_a_perfect_model_denoises_perfectly(kind: Kind, sigma: float) -> None:
    form = Parameterization.discrete(noise_table({}), kind)
    noisy = CLEAN + sigma * NOISE
    torch.testing.assert_close(form.denoised(told(kind, sigma), noisy, sigma), CLEAN, rtol=1e-4, atol=2e-5)


def test_what_makes_pictures_of_pictures_takes_latents_as_they_are() -> None:
    form = Parameterization.discrete(noise_table({}), "img_to_img")
    assert form.scaled(CLEAN, 5.0) is CLEAN
    assert form.denoised(NOISE, CLEAN, 5.0) is NOISE


@pytest.mark.parametrize("sigma", SIGMAS)
def test_velocities(sigma: float) -> None:
    form, noisy = Parameterization.discrete(noise_table({})), CLEAN + sigma * NOISE
    velocity = form.velocity(CLEAN, noisy, sigma)
    torch.testing.assert_close(velocity, told("v_prediction", sigma), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(form.from_velocity(velocity, noisy, sigma), CLEAN, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_edm_preconditioning(sigma: float) -> None:
    """Table 1 of arXiv:2206.00364: D(x) = c_skip x + c_out F(c_in x)."""
    form, data = Parameterization.continuous("edm", 0.002, 80.0), 0.5
    noisy, output = CLEAN + sigma * NOISE, NOISE
    skip, out = data**2 / (sigma**2 + data**2), sigma * data / math.hypot(sigma, data)
    torch.testing.assert_close(form.denoised(output, noisy, sigma), skip * noisy + out * output)
    torch.testing.assert_close(form.scaled(noisy, sigma), noisy / math.hypot(sigma, data))


def test_consistency_models_as_diffusers_reads_them() -> None:
    form = Parameterization.discrete(noise_table({}), "lcm")
    scheduler = LCMScheduler(1000, 0.00085, 0.012, "scaled_linear")
    for step in (19, 499, 999):
        sigma = form.levels.sigma(step)
        scheduler.set_timesteps(timesteps=[step])
        noisy = CLEAN + sigma * NOISE
        preserving = noisy / math.sqrt(1 + sigma**2)
        reference = scheduler.step(NOISE * 0.3, step, preserving, return_dict=False)[1]
        skip, _ = scheduler.get_scalings_for_boundary_condition_discrete(step)
        # Both forms keep the same small part of the latents, each in its own scale.
        expected = reference - skip * preserving + skip * noisy
        torch.testing.assert_close(form.denoised(NOISE * 0.3, noisy, sigma), expected, rtol=1e-3, atol=1e-4)


def test_input_is_scaled_as_diffusers_does() -> None:
    form, scheduler = (
        Parameterization.discrete(noise_table({})),
        EulerDiscreteScheduler(1000, 0.00085, 0.012, "scaled_linear"),
    )
    scheduler.set_timesteps(5)
    reference = scheduler.scale_model_input(CLEAN, scheduler.timesteps[1])
    torch.testing.assert_close(form.scaled(CLEAN, float(scheduler.sigmas[1])), reference)


def test_starts() -> None:
    """Only at the highest level does the noise get the variance of clean latents too."""
    form = Parameterization.discrete(noise_table({}))
    torch.testing.assert_close(form.noised(CLEAN, NOISE, 2.0), CLEAN + 2.0 * NOISE)
    whole = CLEAN + math.sqrt(1 + form.highest**2) * NOISE
    torch.testing.assert_close(form.noised(CLEAN, NOISE, form.highest * (1 - 1e-6)), whole)
    torch.testing.assert_close(form.noised(CLEAN, NOISE, 50.0), CLEAN + math.sqrt(2501) * NOISE)
