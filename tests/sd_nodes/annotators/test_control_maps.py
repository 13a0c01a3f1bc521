"""Maps that keep much of the picture, ready-made maps, and the sizes that pictures are brought to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from graph_runtime import Folders
from sd_nodes.control_maps import inpaint_map, load_control_map, shuffle_map, tile_map
from sd_nodes.control_sizes import fit_to_size, scale_to_resolution
from sd_nodes.types import Image, Mask


def noise(batch: int = 1, height: int = 40, width: int = 56, channels: int = 3) -> Image:
    return Image(torch.rand(batch, height, width, channels, generator=torch.Generator().manual_seed(0)))


def test_masked_pixels_become_minus_one_and_others_stay():
    picture, mask = noise(2, channels=4), torch.zeros(1, 20, 28)
    mask[:, :10] = 1
    found = inpaint_map(picture, Mask(mask))
    assert found.shape == (2, 40, 56, 3)
    assert (found[:, :19] == -1).all() and torch.equal(found[:, 21:], picture[:, 21:, :, :3])


def test_a_mask_of_nothing_leaves_the_picture():
    assert torch.equal(inpaint_map(noise(), Mask(torch.zeros(1, 40, 56))), noise())


def test_a_tile_map_keeps_colours_and_loses_details():
    checks = (torch.arange(64) // 2 % 2).float()
    picture = Image((checks[:, None] == checks).float()[None, ..., None].repeat(1, 1, 1, 3))
    assert tile_map(picture, 8.0).std() < 0.02 and tile_map(picture, 8.0).mean().item() == pytest.approx(0.5, abs=0.01)
    assert tile_map(picture, 1.0).equal(picture)


def test_a_blurred_tile_map_is_smoother():
    assert tile_map(noise(), 1.0, 3.0).std() < 0.3 * tile_map(noise(), 1.0).std()


def test_a_shuffled_picture_has_its_colours_in_other_places():
    picture = torch.zeros(1, 64, 64, 3)
    picture[:, :32], picture[:, 32:] = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0])
    found = shuffle_map(Image(picture), 3, 32)
    assert found.shape == picture.shape
    assert found[..., 1].max() == 0 and (found[..., 0] + found[..., 2] - 1).abs().max() < 1e-5
    assert not torch.equal(found, picture) and found[..., 0].max() == found[..., 2].max() == 1


def test_a_seed_gives_the_same_swirls_and_each_picture_its_own():
    both = Image(noise().repeat(2, 1, 1, 1))
    found = shuffle_map(both, 7)
    assert torch.equal(found, shuffle_map(both, 7)) and not torch.equal(found[0], found[1])
    assert not torch.equal(found, shuffle_map(both, 9))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_small_pictures_can_be_swirled_and_tiled(size):
    assert shuffle_map(noise(1, *size)).shape == tile_map(noise(1, *size), blur=2.0).shape == (1, *size, 3)


@pytest.mark.parametrize("invert", [False, True])
def test_a_ready_made_map_comes_as_every_kind(tmp_path: Path, invert: bool):
    pixels = np.zeros((8, 12, 4), np.uint8)
    pixels[2:4], pixels[..., 3] = 255, 255
    Pillow.fromarray(pixels).save(tmp_path / "map.png")
    found = load_control_map("map.png", invert, folders=Folders(tmp_path))
    assert found.depth.shape == (1, 8, 12, 3) and all(torch.equal(one, found.edges) for one in found)
    assert found.edges[0, 2, 0, 0] == (0 if invert else 1) and found.edges[0, 0, 0, 0] == (1 if invert else 0)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([64, 128]), st.sampled_from([8, 64]))
def test_the_shorter_side_gets_the_resolution_and_both_are_multiples(height, width, resolution, multiple):
    if max(height, width) > 20 * min(height, width):
        return
    fitted = scale_to_resolution(Image(torch.zeros(1, height, width, 3)), resolution, multiple, "nearest-exact")
    assert fitted.image.shape == (1, fitted.height, fitted.width, 3)
    assert min(fitted.height, fitted.width) == resolution and fitted.height % multiple == fitted.width % multiple == 0
    longer = max(height, width) / min(height, width) * resolution
    assert abs(max(fitted.height, fitted.width) - longer) <= multiple / 2


def test_a_crop_keeps_the_middle_and_a_resize_keeps_the_corners():
    picture = torch.zeros(1, 32, 64, 3)
    picture[:, :, :16] = 1
    image = Image(picture)
    cropped = fit_to_size(image, 32, 32, "crop and resize", "nearest-exact")
    stretched = fit_to_size(image, 32, 32, "resize", "nearest-exact")
    assert cropped.max() == 0 and stretched[:, :, :8].min() == 1 and stretched[:, :, 8:].max() == 0


@pytest.mark.parametrize(("height", "width"), [(32, 64), (64, 32), (33, 64)])
def test_a_filled_frame_repeats_the_border(height, width):
    picture = torch.zeros(1, height, width, 3)
    picture[:, 0, :, 0] = picture[:, :, 0, 0] = 1
    picture[:, -1, :, 2] = picture[:, :, -1, 2] = 1
    found = fit_to_size(Image(picture), 64, 64, "resize and fill", "nearest-exact")
    assert found.shape == (1, 64, 64, 3)
    assert found[0, 0, 0, 0] == 1 and found[0, -1, -1, 2] == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_a_frame_is_filled_around_a_picture_of_any_shape(size):
    assert fit_to_size(Image(torch.ones(1, *size, 3)), 64, 32, "resize and fill").eq(1).all()
