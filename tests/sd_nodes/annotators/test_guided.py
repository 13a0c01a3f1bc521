"""The guided filter: a coarse map gets the edges of its picture, and nothing where the picture is even."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.annotators.guided import guided


def two_halves() -> np.ndarray:
    """A picture whose left half is dark and whose right half is light."""
    picture = np.full((96, 96, 3), 0.2, np.float32)
    picture[:, 48:] = 0.8
    return picture


def test_a_blurred_step_becomes_the_step_of_the_picture():
    coarse = np.broadcast_to(np.clip((np.arange(96, dtype=np.float32) - 40) / 16, 0, 1), (96, 96))
    found = guided(coarse, two_halves())
    assert np.abs(np.diff(found[48]))[47] > 4 * np.abs(np.diff(coarse[48])).max()


def test_noise_is_evened_where_the_picture_is_even():
    noise = np.random.default_rng(0).normal(1, 0.1, (96, 96)).astype(np.float32)
    assert guided(noise, np.full((96, 96, 3), 0.5, np.float32)).std() < 0.3 * noise.std()


@given(st.floats(0.01, 1000), st.floats(-100, 100))
def test_the_scale_of_the_map_is_kept(factor, offset):
    coarse = np.random.default_rng(1).random((24, 30)).astype(np.float32)
    picture = np.random.default_rng(2).random((24, 30, 3)).astype(np.float32)
    moved = guided((coarse * factor + offset).astype(np.float32), picture)
    assert np.allclose(moved, guided(coarse, picture) * factor + offset, atol=2e-2 * factor + 1e-3 * abs(offset))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_small_maps_are_maps_too(size):
    level = np.full(size, 3.0, np.float32)
    assert guided(level, np.random.default_rng(0).random((*size, 3)).astype(np.float32)) == pytest.approx(level)
