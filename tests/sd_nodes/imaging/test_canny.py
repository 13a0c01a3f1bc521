"""Canny edges with thresholds on the gradient itself, against a detector written out pixel by pixel."""

import math

import pytest
import torch

from sd_nodes.imaging.canny import canny


def grey(values: torch.Tensor) -> torch.Tensor:
    return values[None, ..., None].expand(1, *values.shape, 3).contiguous()


def step(height: float, width: int = 16) -> torch.Tensor:
    picture = torch.zeros(12, width)
    picture[:, width // 2 :] = height
    return grey(picture)


def slow_magnitudes(picture: torch.Tensor) -> list[list[float]]:
    """The gradients of a grey picture by the formulas, one pixel at a time, in double precision."""
    rows, columns = picture.shape
    bell = [math.exp(-(k**2) / 2) for k in range(-2, 3)]
    bell = [value / sum(bell) for value in bell]

    def mirrored(place: int, side: int) -> int:
        return -place if place < 0 else 2 * side - 2 - place if place >= side else place

    def ended(place: int, side: int) -> int:
        return min(max(place, 0), side - 1)

    smooth = [
        [
            sum(
                bell[i] * bell[j] * picture[mirrored(y + i - 2, rows), mirrored(x + j - 2, columns)].item()
                for i in range(5)
                for j in range(5)
            )
            for x in range(columns)
        ]
        for y in range(rows)
    ]
    sums = (1, 2, 1)

    def at(y: int, x: int) -> float:
        return smooth[ended(y, rows)][ended(x, columns)]

    def gradient(y: int, x: int) -> float:
        across = sum(sums[k] * (at(y + k - 1, x + 1) - at(y + k - 1, x - 1)) for k in range(3))
        down = sum(sums[k] * (at(y + 1, x + k - 1) - at(y - 1, x + k - 1)) for k in range(3))
        return math.sqrt(across**2 + down**2 + 1e-6)

    return [[gradient(y, x) for x in range(columns)] for y in range(rows)]


def test_a_step_is_one_line_on_its_left_side():
    edges = canny(step(1.0), 0.4, 0.8)[0]
    assert edges.sum() == 12 and edges[:, 7].all()


@pytest.mark.parametrize(("height", "traced"), [(0.31, False), (0.33, True)])
def test_the_threshold_is_in_units_of_the_gradient(height, traced):
    """Beside a step, the Sobel sum over the blurred picture is 4 x height x (bell(0) + bell(1))."""
    bell = [math.exp(-(k**2) / 2) for k in range(-2, 3)]
    gradient = 4 * (bell[2] + bell[1]) / sum(bell)
    assert gradient == pytest.approx(2.6, abs=0.02)
    assert bool(canny(step(height), 0.1, 0.32 * gradient).any()) is traced


def test_edges_are_ridges_of_the_gradient():
    picture = torch.rand(14, 11, generator=torch.Generator().manual_seed(3))
    magnitudes = slow_magnitudes(picture)
    edges = canny(grey(picture), 0.01, 0.01)[0]
    for y in range(1, 13):
        for x in range(1, 10):
            here = magnitudes[y][x]
            pairs = [((0, 1), (0, -1)), ((1, 1), (-1, -1)), ((1, 0), (-1, 0)), ((1, -1), (-1, 1))]
            tops = [all(here > magnitudes[y + dy][x + dx] for dy, dx in pair) for pair in pairs]
            assert not edges[y, x] or any(tops)
            assert edges[y, x] or not all(tops)


def test_a_weak_edge_counts_only_where_it_continues_a_strong_one():
    picture = torch.zeros(24, 20)
    picture[:, 10:] = torch.linspace(0.1, 1.0, 24)[:, None]
    alone = canny(grey(picture[:8]), 0.05, 1.5)
    joined = canny(grey(picture), 0.05, 1.5)
    assert not alone.any()
    assert joined[0, 2:-2, 9:11].any(1).all()


def test_colours_are_weighted_as_the_eye_weighs_them():
    picture = torch.zeros(1, 12, 16, 3)
    picture[:, :, 8:, 2] = 1.0  # blue: 0.114 of white
    assert not canny(picture, 0.2, 0.114 * 2.587 + 0.01).any()
    assert canny(picture, 0.2, 0.114 * 2.587 - 0.01).any()


def test_a_flat_picture_and_the_border_have_no_edges():
    assert not canny(torch.full((2, 9, 9, 3), 0.7), 0.01, 0.01).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (5, 1)])
def test_tiny_pictures_are_taken(size):
    assert canny(torch.rand(1, *size, 3), 0.1, 0.2).shape == (1, *size)
