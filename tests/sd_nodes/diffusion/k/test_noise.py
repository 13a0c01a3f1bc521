"""Noise is a function of the seed, and of nothing else."""

import pytest
import torch

from sd_nodes.diffusion.k.noise import LARGEST_SEED, brownian_noise, start_noise, step_noise

SHAPE = (3, 4, 8, 8)


def test_a_batch_is_one_draw() -> None:
    expected = torch.randn(SHAPE, generator=torch.Generator().manual_seed(7))
    assert torch.equal(start_noise(SHAPE, 7), expected)
    assert start_noise(SHAPE, LARGEST_SEED).isfinite().all()


def test_latents_taken_from_a_batch_keep_its_noise() -> None:
    generator = torch.Generator().manual_seed(7)
    each = [torch.randn(1, 4, 8, 8, generator=generator) for _ in range(5)]
    assert torch.equal(start_noise((2, 4, 8, 8), 7, [4, 1]), torch.cat([each[4], each[1]]))


def test_seed_rules() -> None:
    latents = torch.zeros(SHAPE)
    assert torch.equal(step_noise(latents, 7, "same")(2.0, 1.0), start_noise(SHAPE, 7))
    assert torch.equal(step_noise(latents, 7)(2.0, 1.0), start_noise(SHAPE, 8))
    assert torch.equal(step_noise(latents, LARGEST_SEED)(2.0, 1.0), start_noise(SHAPE, 0))


def test_each_step_draws_anew() -> None:
    noise = step_noise(torch.zeros(SHAPE), 7)
    assert not torch.equal(noise(2.0, 1.0), noise(2.0, 1.0))


@pytest.mark.filterwarnings("error")
def test_a_brownian_path_is_the_same_however_often_it_is_cut() -> None:
    sigmas = [8.0, 4.0, 2.0, 1.0, 0.0]
    noise = brownian_noise(torch.zeros(SHAPE), sigmas, 7)
    whole = noise(8.0, 2.0)
    parts = (noise(8.0, 4.0) * 2.0 + noise(4.0, 2.0) * 2.0**0.5) / 6.0**0.5
    torch.testing.assert_close(whole, parts, rtol=1e-3, atol=2e-3)
    again = brownian_noise(torch.zeros(SHAPE), sigmas, 7)
    assert torch.equal(again(8.0, 2.0), whole)
    assert not torch.equal(brownian_noise(torch.zeros(SHAPE), sigmas, 8)(8.0, 2.0), whole)


def test_brownian_noise_is_standard_normal_and_independent() -> None:
    noise = brownian_noise(torch.zeros(1, 4, 64, 64), [8.0, 4.0, 1.0, 0.0], 3)
    one, other = noise(8.0, 4.0), noise(4.0, 1.0)
    assert abs(float(one.mean())) < 0.03
    assert abs(float(one.std()) - 1) < 0.03
    assert abs(float((one * other).mean())) < 0.03
