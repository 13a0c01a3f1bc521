"""Masks grown, feathered, combined: against SciPy's morphology and loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sd_nodes.imaging.masking import combine, feather, grow, layers, scaled


def random_mask(seed: int = 0, height: int = 9, width: int = 12) -> torch.Tensor:
    return torch.rand(2, height, width, generator=torch.Generator().manual_seed(seed)).round(decimals=1)


@pytest.mark.parametrize("tapered", [True, False])
@pytest.mark.parametrize("pixels", [-3, -1, 0, 1, 2, 40])
def test_growing_is_morphology(tapered, pixels):
    corner = 0 if tapered else 1
    footprint = np.array([[corner, 1, corner], [1, 1, 1], [corner, 1, corner]])
    step = ndimage.grey_erosion if pixels < 0 else ndimage.grey_dilation
    mask = random_mask()
    expected = []
    for one in mask.numpy():
        for _ in range(abs(pixels)):
            one = step(one, footprint=footprint)
        expected.append(one)
    assert torch.equal(grow(mask, pixels, tapered), torch.from_numpy(np.stack(expected)))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 14), st.integers(0, 14), st.integers(0, 14), st.integers(0, 14))
def test_feathering_is_counted_as_comfyui_counts(left, top, right, bottom):
    mask = random_mask()
    expected = mask.clone()
    rows, columns = mask.shape[1:]
    for length, side, axis, direction in (
        (left, columns, 2, 1), (right, columns, 2, -1), (top, rows, 1, 1), (bottom, rows, 1, -1),
    ):  # fmt: skip
        length = min(length, side)
        for k in range(length):
            expected.select(axis, direction * k).mul_((k + 1) / length)
    assert torch.allclose(feather(mask, left, top, right, bottom), expected, atol=1e-6)


FORMULAS = {
    "multiply": lambda a, b: a * b,
    "add": lambda a, b: min(1.0, a + b),
    "subtract": lambda a, b: max(0.0, a - b),
    "and": lambda a, b: float(round(a) and round(b)),
    "or": lambda a, b: float(round(a) or round(b)),
    "xor": lambda a, b: float(bool(round(a)) != bool(round(b))),
}


@pytest.mark.parametrize("operation", FORMULAS)
@pytest.mark.parametrize(("x", "y"), [(0, 0), (8, 6), (30, 2)])
def test_combining_changes_only_where_both_lie(operation, x, y):
    below, above = random_mask(1), random_mask(2, 5, 5)
    expected = below.clone()
    for b in range(2):
        for i in range(5):
            for j in range(5):
                if y + i < 9 and x + j < 12:
                    pair = below[b, y + i, x + j].item(), above[b, i, j].item()
                    expected[b, y + i, x + j] = FORMULAS[operation](*pair)
    kept = below.clone()
    assert torch.allclose(combine(below, above, x, y, operation), expected, atol=1e-6)
    assert torch.equal(below, kept)


def test_a_mask_of_any_form_is_a_batch():
    assert layers(torch.zeros(4, 5)).shape == (1, 4, 5)
    assert layers(torch.zeros(3, 1, 4, 5)).shape == (3, 4, 5)
    assert scaled(torch.ones(4, 5), 8, 10).shape == (1, 1, 8, 10)
