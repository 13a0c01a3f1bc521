"""Pictures in few colours."""

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sd_nodes.imaging.quantizing import bayer, quantize


def ramp() -> torch.Tensor:
    line = torch.linspace(0, 1, 64)
    return torch.stack([line, line.flip(0), line * 0.5], -1).expand(1, 32, 64, 3).contiguous()


def colours(image: torch.Tensor) -> int:
    return len(image.reshape(-1, 3).unique(dim=0))


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])
def test_no_more_colours_than_asked_for(dither):
    drawn = quantize(ramp(), 6, dither)
    assert drawn.shape == (1, 32, 64, 3) and drawn.dtype == torch.float32
    assert 2 <= colours(drawn) <= 6


def test_without_dithering_each_pixel_gets_a_colour_of_the_palette():
    image = ramp()
    picture = Pillow.fromarray((image[0].numpy() * 255).astype(np.uint8))
    palette = picture.quantize(8)
    expected = picture.quantize(palette=palette, dither=Pillow.Dither.NONE).convert("RGB")
    assert np.array_equal((quantize(image, 8, "none")[0] * 255).round().numpy(), np.asarray(expected))


def test_dithering_keeps_the_tones_of_an_area():
    image = ramp()
    errors = {
        dither: (quantize(image, 4, dither) - image).reshape(8, 4, 8, 8, 3).mean((1, 3)).abs().mean()
        for dither in ("none", "floyd-steinberg")
    }
    assert errors["floyd-steinberg"] < errors["none"]


def test_the_smallest_patterns():
    assert np.allclose(bayer(1), [[0]])
    assert np.allclose(bayer(2), [[-0.375, 0.125], [0.375, -0.125]])


@pytest.mark.parametrize("order", [2, 4, 8, 16])
def test_a_pattern_has_every_level_once(order):
    levels = np.sort(bayer(order).ravel())
    assert np.allclose(levels, (np.arange(order**2) + 0.5) / order**2 - 0.5, atol=1e-6)
