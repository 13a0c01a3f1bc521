"""Autoencoders tile by tile, against loops over the tiles and against the autoencoder on the whole."""

import pytest
import torch

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.tiles import decode_in_tiles, encode_in_tiles
from sd_nodes.diffusion.vae import decode, decode_unbounded, encode
from tests.sd_nodes import models


@pytest.fixture(scope="module")
def vae():
    return models.ready(models.vae())


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def unheard(done: int, total: int) -> None:
    """Listens to no progress."""


def slow(items, compute, tile, overlap, scale):
    """One way to cut: each tile fades linearly over the overlap at each of its borders."""
    height, width = items.shape[2:]
    if height <= tile[0] and width <= tile[1]:
        return compute(items)
    total, weights = 0.0, torch.zeros(round(height * scale), round(width * scale))
    rows = range(0, height - overlap, tile[0] - overlap) if height > tile[0] else [0]
    columns = range(0, width - overlap, tile[1] - overlap) if width > tile[1] else [0]
    fade = round(overlap * scale)
    for top in rows:
        for left in columns:
            found = compute(items[:, :, top : top + tile[0], left : left + tile[1]])
            weight = torch.ones(found.shape[2:])
            for axis, side in ((0, found.shape[2]), (1, found.shape[3])):
                for k in range(fade) if fade < side else ():
                    for place in (k, side - 1 - k):
                        weight.select(axis, place).mul_((k + 1) / fade)
            spot = slice(round(top * scale), round(top * scale) + found.shape[2])
            across = slice(round(left * scale), round(left * scale) + found.shape[3])
            laid = torch.zeros(1, found.shape[1], *weights.shape)
            laid[:, :, spot, across] = found * weight
            weights[spot, across] += weight
            total = total + laid
    return total / weights


def three_ways(items, compute, tile, overlap, scale):
    shapes = [(tile, tile), (tile * 2, tile // 2), (tile // 2, tile * 2)]
    return sum(slow(items, compute, shape, overlap, scale) for shape in shapes) / 3


@pytest.mark.parametrize(("height", "width"), [(10, 12), (5, 20), (12, 4)])
def test_decoding_is_the_mean_of_three_ways_to_cut(vae, height, width):
    latents = noise(1, 4, height, width)
    mean = three_ways(latents, lambda one: decode_unbounded(one, vae), 8, 2, 8)
    expected = (mean * 0.5 + 0.5).clamp(0, 1).movedim(1, -1)
    assert torch.allclose(decode_in_tiles(latents, vae, 8, 2, unheard), expected, atol=1e-5)


def test_encoding_is_the_mean_of_three_ways_to_cut(vae):
    picture = noise(1, 80, 96, 3)
    expected = three_ways(picture.movedim(-1, 1), lambda one: encode(one.movedim(1, -1), vae), 64, 16, 1 / 8)
    assert torch.allclose(encode_in_tiles(picture, vae, 64, 16, unheard), expected, atol=1e-5)


def test_what_fits_one_tile_is_computed_whole(vae):
    latents = noise(2, 4, 4, 4)
    assert torch.allclose(decode_in_tiles(latents, vae, 8, 2, unheard), decode(latents, vae), atol=1e-6)


def test_every_tile_is_told(vae):
    seen: list[tuple[int, int]] = []
    decode_in_tiles(noise(2, 4, 8, 12), vae, 8, 2, lambda done, total: seen.append((done, total)))
    assert seen == [(k + 1, len(seen)) for k in range(len(seen))]
    assert len(seen) == 2 * (2 + 5 + 3)  # 8 x 8, 4 wide and 16 high, 16 wide and 4 high


@pytest.mark.parametrize(("tile", "overlap"), [(64, 32), (64, 64)])
def test_tiles_that_would_not_move_on_are_refused(vae, tile, overlap):
    with pytest.raises(SettingError, match=f"overlap is {overlap} of a tile of {tile}.*such as 16"):
        encode_in_tiles(noise(1, 128, 128, 3), vae, tile, overlap, unheard)


def test_tiles_that_do_not_fit_the_autoencoder_are_refused(vae):
    with pytest.raises(SettingError, match=r"tile is 100 .* such as 96 and 8"):
        encode_in_tiles(noise(1, 128, 128, 3), vae, 100, 12, unheard)
