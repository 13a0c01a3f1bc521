"""Whole runs on a small model."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k import schedules
from sd_nodes.diffusion.k.guidance import Cfg
from sd_nodes.diffusion.k.masking import gradual, latent_mask
from sd_nodes.diffusion.k.noise import after_start, start_noise
from sd_nodes.diffusion.k.regions import Area
from sd_nodes.diffusion.k.sample import Sampling, sample
from sd_nodes.diffusion.k.samplers.names import SAMPLERS, named
from tests.sd_nodes.diffusion.k.small import FORM, alone, latents, network, prompt

GUIDE = Cfg([prompt(1)], [prompt(2)], 3.0)
SIGMAS = schedules.normal(FORM.levels, 4)
NOISE = start_noise((1, 4, 8, 8), 5)
EMPTY = torch.zeros_like(NOISE)
MASK = torch.zeros(1, 8, 8)
MASK[:, :, 4:] = 1.0


def run(name: str = "euler", **changes: object) -> Sampling:
    return replace(Sampling(network(), GUIDE, named(name), SIGMAS, seed=5), **changes)  # type: ignore[arg-type]


def drawn(sampling: Sampling, x: Tensor, noise: Tensor, mask: Tensor | None = None) -> Tensor:
    return sample(sampling, x, noise, mask).latents


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_draws_the_same_again(name: str) -> None:
    one, other = (drawn(run(name), EMPTY, NOISE) for _ in range(2))
    assert one.isfinite().all()
    assert torch.equal(one, other)
    assert not torch.allclose(one, NOISE * SIGMAS[0])


def test_euler_by_hand() -> None:
    x = NOISE * (1 + SIGMAS[0] ** 2) ** 0.5
    for sigma, following in pairwise(SIGMAS):
        positive, negative = (alone(prompt(seed), x, sigma) for seed in (1, 2))
        guided = negative + 3.0 * (positive - negative)
        x = guided + (x - guided) * (following / sigma)
    torch.testing.assert_close(drawn(run(), EMPTY, NOISE), x, rtol=1e-3, atol=1e-3)


def test_steps_are_told_and_may_cancel() -> None:
    told: list[tuple[int, int]] = []

    def on_step(done: int, count: int, denoised: Tensor) -> None:
        assert denoised.shape == NOISE.shape
        told.append((done, count))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(run(), EMPTY, NOISE, on_step=on_step)
    assert told == [(1, 4), (2, 4)]


def test_what_a_run_was_last_denoised_to_comes_with_its_latents() -> None:
    seen: list[Tensor] = []
    found = sample(run(sigmas=SIGMAS[:3]), EMPTY, NOISE, on_step=lambda *given: seen.append(given[2]))
    assert torch.equal(found.denoised, seen[-1])
    noise = (found.latents - found.denoised) / SIGMAS[2]
    before = sample(run(sigmas=SIGMAS[:2]), EMPTY, NOISE).latents
    torch.testing.assert_close(found.denoised + SIGMAS[1] * noise, before, rtol=1e-3, atol=1e-3)


def test_no_levels_leave_the_latents() -> None:
    x = latents()
    assert torch.equal(drawn(run(sigmas=[]), x, NOISE), x)


def test_two_runs_in_a_row_are_one() -> None:
    first = drawn(run(sigmas=SIGMAS[:3]), EMPTY, NOISE)
    second = drawn(run(sigmas=SIGMAS[2:]), first, torch.zeros_like(NOISE))
    torch.testing.assert_close(second, drawn(run(), EMPTY, NOISE), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["euler_ancestral", "dpmpp_2m", "ddim", "dpmpp_2m_sde", "uni_pc"])
def test_what_a_mask_keeps_stays(name: str) -> None:
    x = latents()
    found = drawn(run(name), x, NOISE, MASK)
    torch.testing.assert_close(found[..., :4], x[..., :4], rtol=0.01, atol=0.02 if name == "uni_pc" else 1e-5)
    assert not torch.allclose(found[..., 4:], x[..., 4:], atol=0.1)


def test_a_mask_by_hand() -> None:
    x, mask = latents(), MASK[:, None]
    sigmas = [SIGMAS[0], 0.0]
    # Only where noise is denoised has it the whole variance that noisy latents have at the highest level.
    seen = (x + NOISE * (1 + sigmas[0] ** 2) ** 0.5) * mask + (x + NOISE * sigmas[0]) * (1 - mask)
    positive, negative = (alone(prompt(seed), seen, sigmas[0]) for seed in (1, 2))
    expected = (negative + 3.0 * (positive - negative)) * mask + x * (1 - mask)
    torch.testing.assert_close(drawn(run(sigmas=sigmas), x, NOISE, MASK), expected, rtol=1e-4, atol=1e-3)


def test_ddim_keeps_other_noise_than_euler() -> None:
    one, other = (drawn(run(name), latents(), NOISE, MASK) for name in ("euler", "ddim"))
    assert not torch.allclose(one, other, atol=1e-3)
    assert torch.equal(drawn(run("euler"), latents(), NOISE), drawn(run("ddim"), latents(), NOISE))


def test_masks_are_scaled_softly_and_serve_batches() -> None:
    x = latents(4, 4, batch=3)
    found = latent_mask(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)), x)
    assert found.shape == x.shape
    assert torch.equal(found[0], found[2])
    assert ((found > 0) & (found < 1)).any()


def test_a_gradual_mask_opens_the_darker_places_later() -> None:
    rule = gradual(FORM.levels, SIGMAS)
    mask = torch.tensor([0.0, 0.3, 0.7, 1.0])
    opened = [rule(mask, sigma).tolist() for sigma in SIGMAS[:-1]]
    assert opened == [[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]]
    half = gradual(FORM.levels, SIGMAS, strength=0.5)(mask, SIGMAS[0])
    nowhere = gradual(FORM.levels, [FORM.lowest, 0.0])
    assert not nowhere(mask, FORM.lowest).any()
    torch.testing.assert_close(half, torch.tensor([0.0, 0.15, 0.35, 1.0]))


def test_the_rule_of_a_mask_is_used() -> None:
    soft = MASK * 0.5
    plain, ruled = (
        drawn(run(mask_rule=rule), latents(), NOISE, soft)
        for rule in (None, lambda sigmas: gradual(FORM.levels, sigmas))
    )
    assert not torch.allclose(plain, ruled, atol=1e-3)


def test_an_area_beyond_the_latents_is_told() -> None:
    outside = replace(run(), guide=Cfg([prompt(1, area=Area(8, 8, 0, 8))]))
    with pytest.raises(SettingError, match="x = 8, y = 0 of 8 x 8"):
        drawn(outside, latents(), latents())


@pytest.mark.parametrize("name", ["dpmpp_2m", "dpmpp_2m_sde", "sa_solver"])
def test_levels_that_do_not_fall_are_told(name: str) -> None:
    with pytest.raises(SettingError, match=r"Step 2 goes from the noise level 5 to 5: .* fall with each step"):
        drawn(run(name, sigmas=[14.0, 5.0, 5.0, 1.0, 0.5]), EMPTY, NOISE)


@pytest.mark.parametrize("name", ["euler", "heun", "dpm_2", "dpmpp_2m", "lms", "dpm_adaptive"])
def test_a_picture_goes_back_to_noise(name: str) -> None:
    """Over rising levels, as those of a schedule turned round."""
    rising = [1e-4, 0.5, 2.0, 6.0, 14.0]
    found = drawn(run(name, sigmas=rising), latents(), EMPTY)
    assert found.isfinite().all() and float(found.std()) > 2 * float(latents().std())


def test_other_draws_go_on_where_the_start_noise_ended() -> None:
    whole = torch.randn(96, generator=torch.Generator().manual_seed(7))
    assert torch.equal(torch.randn(32, generator=after_start((64,), 7)), whole[64:])
    one = torch.Generator().manual_seed(7)
    for _ in range(3):
        torch.randn((1, 4), generator=one)
    assert torch.equal(after_start((2, 4), 7, [0, 2]).get_state(), one.get_state())
