"""Arithmetic on latents."""

import pytest
import torch

from sd_nodes.diffusion.latents import faded, interpolate
from sd_nodes.diffusion.text import of_length


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("left", "top", "length"), [(0, 0, 2), (3, 0, 2), (3, 2, 3), (2, 4, 0), (1, 1, 9)])
def test_covering_fades_only_at_borders_that_lie_inside(left, top, length):
    height, width, onto = 4, 5, (8, 8)
    expected = torch.ones(height, width)
    for k in range(length):  # slices: beyond the piece they are empty, or count from its other end
        if top > 0:
            expected[k : k + 1] *= (k + 1) / length
        if top + height < onto[0]:
            expected[height - 1 - k : height - k] *= (k + 1) / length
        if left > 0:
            expected[:, k : k + 1] *= (k + 1) / length
        if left + width < onto[1]:
            expected[:, width - 1 - k : width - k] *= (k + 1) / length
    assert torch.allclose(faded((height, width), onto, left, top, length)[0], expected)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_directions_and_lengths_are_mixed_apart(ratio):
    first, second = noise(1, 4, 2, 3), 5 * noise(1, 4, 2, 3, seed=1)
    mixed = interpolate(first, second, ratio)
    for y in range(2):
        for x in range(3):
            a, b, found = first[0, :, y, x], second[0, :, y, x], mixed[0, :, y, x]
            direction = a / a.norm() * ratio + b / b.norm() * (1 - ratio)
            assert torch.allclose(found / found.norm(), direction / direction.norm(), atol=1e-5)
            assert found.norm().item() == pytest.approx((a.norm() * ratio + b.norm() * (1 - ratio)).item(), rel=1e-5)


def test_nothing_has_no_direction():
    assert torch.equal(interpolate(torch.zeros(1, 4, 1, 1), torch.zeros(1, 4, 1, 1), 0.5), torch.zeros(1, 4, 1, 1))


def test_tokens_are_cut_or_filled_up_with_zeros():
    states = noise(1, 3, 2)
    assert torch.equal(of_length(states, 2), states[:, :2])
    assert torch.equal(of_length(states, 5), torch.cat([states, torch.zeros(1, 2, 2)], 1))
