"""Blur and sharpening, against loops over pixels."""

import math

import pytest
import torch

from sd_nodes.imaging.filters import blur, gaussian_kernel, sharpen


def slow(image: torch.Tensor, kernel: list[list[float]]) -> torch.Tensor:
    """Convolve one pixel at a time; beyond the border the picture is mirrored."""
    batch, rows, columns, channels = image.shape
    radius = len(kernel) // 2

    def mirrored(place: int, side: int) -> int:
        while not 0 <= place < side:
            place = -place if place < 0 else 2 * side - 2 - place
        return place

    found = torch.zeros_like(image)
    for y in range(rows):
        for x in range(columns):
            for i, line in enumerate(kernel):
                for j, weight in enumerate(line):
                    place = mirrored(y + i - radius, rows), mirrored(x + j - radius, columns)
                    found[:, y, x] += weight * image[:, place[0], place[1]]
    assert (batch, channels) == (found.shape[0], found.shape[3])
    return found


def bell(radius: int, sigma: float) -> list[list[float]]:
    places = [-1 + k / radius for k in range(2 * radius + 1)]
    values = [[math.exp(-(x * x + y * y) / (2 * sigma * sigma)) for x in places] for y in places]
    total = sum(map(sum, values))
    return [[value / total for value in line] for line in values]


@pytest.mark.parametrize(("radius", "sigma"), [(1, 1.0), (2, 0.5), (3, 2.0)])
def test_the_kernel_is_a_gaussian_over_the_radius(radius, sigma):
    assert torch.allclose(gaussian_kernel(radius, sigma), torch.tensor(bell(radius, sigma)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_blur_is_a_convolution(channels):
    image = torch.rand(2, 6, 7, channels, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(blur(image, 2, 0.8), slow(image, bell(2, 0.8)), atol=1e-6)


def test_a_radius_beyond_the_picture_mirrors_it_again():
    image = torch.rand(1, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    assert blur(image, 7, 1.0).shape == image.shape
    assert torch.allclose(blur(torch.full((1, 3, 3, 3), 0.25), 9, 1.0), torch.tensor(0.25))
    assert torch.allclose(blur(torch.full((1, 1, 1, 3), 0.25), 2, 1.0), torch.tensor(0.25))


def test_sharpening_adds_what_the_blur_takes_away():
    image = torch.rand(1, 8, 8, 3, generator=torch.Generator().manual_seed(1))
    expected = image + 10 * 0.05 * (image - slow(image, bell(1, 1.0)))
    assert torch.allclose(sharpen(image, 1, 1.0, 0.05), expected.clamp(0, 1), atol=1e-5)


def test_sharpening_by_nothing_changes_nothing():
    image = torch.rand(1, 8, 8, 3)
    assert torch.allclose(sharpen(image, 2, 1.0, 0.0), image)
