"""Spherical scaling of latents."""

import math

import pytest
import torch

from sd_nodes.diffusion.bislerp import bislerp, slerp


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow_slerp(first: torch.Tensor, second: torch.Tensor, ratio: float) -> torch.Tensor:
    """One latent pixel, by the formula."""
    a, b = first.norm().item(), second.norm().item()
    angle = math.acos((first @ second).item() / (a * b))
    direction = math.sin((1 - ratio) * angle) * first / a + math.sin(ratio * angle) * second / b
    return direction / math.sin(angle) * (a * (1 - ratio) + b * ratio)


def slow_line(line: torch.Tensor, new: int) -> torch.Tensor:
    """One line of latent pixels, [channel, length], placed as bilinear scaling places them."""
    old = line.shape[1]
    found = []
    for k in range(new):
        place = min(max((k + 0.5) * old / new - 0.5, 0.0), old - 1.0)
        before = int(place)
        after = min(before + 1, old - 1)
        same = before == after
        found.append(line[:, before] if same else slow_slerp(line[:, before], line[:, after], place - before))
    return torch.stack(found, 1)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 1.0])
def test_a_latent_turns_and_its_length_goes_in_a_line(ratio):
    first, second = noise(1, 4, 1, 1), 3 * noise(1, 4, 1, 1, seed=1)
    expected = slow_slerp(first.flatten(), second.flatten(), ratio)
    assert torch.allclose(slerp(first, second, torch.tensor(ratio)).flatten(), expected, atol=1e-5)


def test_the_same_the_opposite_and_nothing_are_no_division_by_zero():
    one = noise(1, 4, 1, 1)
    assert torch.allclose(slerp(one, 2 * one, torch.tensor(0.5)), one)
    assert torch.allclose(slerp(one, -one, torch.tensor(0.25)), one * 0.5)
    assert slerp(torch.zeros(1, 4, 1, 1), one, torch.tensor(0.5)).isfinite().all()


@pytest.mark.parametrize(("width", "height"), [(12, 10), (3, 4), (8, 6), (13, 3)])
def test_scaling_goes_across_and_then_down(width, height):
    latents = noise(1, 4, 6, 8)
    across = torch.stack([slow_line(latents[0, :, y], width) for y in range(6)], 1)
    expected = torch.stack([slow_line(across[:, :, x], height) for x in range(width)], 2)
    assert torch.allclose(bislerp(latents, width, height)[0], expected, atol=1e-5)
