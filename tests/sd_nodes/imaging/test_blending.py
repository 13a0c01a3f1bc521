"""Blend modes, against the formulas for single numbers."""

import math

import pytest
import torch

from sd_nodes.imaging.blending import blend


def soft_light(a: float, b: float) -> float:
    lifted = ((16 * a - 12) * a + 4) * a if a <= 0.25 else math.sqrt(a)
    return a - (1 - 2 * b) * a * (1 - a) if b <= 0.5 else a + (2 * b - 1) * (lifted - a)


FORMULAS = {
    "normal": lambda a, b: b,
    "multiply": lambda a, b: a * b,
    "screen": lambda a, b: a + b - a * b,
    "overlay": lambda a, b: 2 * a * b if a <= 0.5 else 1 - 2 * (1 - a) * (1 - b),
    "soft_light": soft_light,
    "difference": lambda a, b: a - b,
}


@pytest.mark.parametrize("mode", FORMULAS)
@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0])
def test_modes_follow_their_formulas(mode, amount):
    values = [k / 10 for k in range(11)]
    below, above = torch.tensor(values)[:, None].expand(11, 11), torch.tensor(values)[None].expand(11, 11)
    mixed = [[a * (1 - amount) + FORMULAS[mode](a, b) * amount for b in values] for a in values]
    assert torch.allclose(blend(below, above, amount, mode), torch.tensor(mixed).clamp(0, 1), atol=1e-6)
