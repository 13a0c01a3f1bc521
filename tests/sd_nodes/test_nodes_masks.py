"""The mask nodes, each called as a plain function."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Folders, NodeError
from sd_nodes.masks import (
    crop_mask,
    feather_mask,
    grow_mask,
    image_color_to_mask,
    image_to_mask,
    invert_mask,
    load_image_mask,
    mask_composite,
    mask_preview,
    mask_to_image,
    solid_mask,
    threshold_mask,
)
from sd_nodes.types import Image, Mask


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp")
    found.input.mkdir()
    return found


def random_mask(*shape: int) -> Mask:
    return Mask(torch.rand(*shape, generator=torch.Generator().manual_seed(0)))


def test_a_channel_is_loaded(folders):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    Pillow.fromarray(pixels).save(folders.input / "a.png")
    for number, channel in enumerate(("red", "green", "blue")):
        expected = torch.from_numpy(pixels[..., number]).float() / 255
        assert torch.equal(load_image_mask("a.png", channel, folders=folders)[0], expected)
    expected = 1 - torch.from_numpy(pixels[..., 3]).float() / 255
    assert torch.equal(load_image_mask("a.png", folders=folders)[0], expected)


def test_an_opaque_picture_is_masked_nowhere(folders):
    Pillow.new("RGB", (5, 4), (255, 0, 0)).save(folders.input / "a.jpg")
    mask = load_image_mask("a.jpg", "alpha", folders=folders)
    assert mask.shape == (1, 4, 5) and not mask.any()


def test_a_damaged_picture_is_told(folders):
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(folders.input / "a.png")
    path = folders.input / "a.png"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(NodeError, match="damaged or cut short"):
        load_image_mask("a.png", folders=folders)


def test_a_solid_mask():
    assert torch.equal(solid_mask(0.25, 3, 2), torch.full((1, 2, 3), 0.25))


def test_inverting():
    mask = random_mask(2, 3, 4)
    assert torch.equal(invert_mask(mask), 1 - mask)


def test_cropping_takes_what_is_there():
    mask = random_mask(2, 6, 8)
    assert crop_mask(mask, 5, 2, 9, 3).equal(mask[:, 2:5, 5:])
    with pytest.raises(NodeError, match="found x 8; the mask is 8 x 6") as caught:
        crop_mask(mask, 8, 0, 4, 4)
    assert caught.value.input == "x"


def test_combining_repeats_the_smaller_batch():
    below, above = Mask(torch.full((3, 4, 4), 0.5)), Mask(torch.full((1, 2, 2), 0.25))
    combined = mask_composite(below, above, 1, 1, "add")
    assert combined.shape == (3, 4, 4)
    assert (combined[:, 1:3, 1:3] == 0.75).all() and combined.sum() == 3 * (12 * 0.5 + 4 * 0.75)


def test_feathering_growing_and_thresholds():
    mask = Mask(torch.ones(1, 4, 4))
    assert torch.allclose(feather_mask(mask, left=4)[0, 0], torch.tensor([0.25, 0.5, 0.75, 1.0]))
    point = Mask(torch.zeros(1, 5, 5))
    point[0, 2, 2] = 1
    assert grow_mask(point, 1, True).sum() == 5 and grow_mask(point, 1, False).sum() == 9
    assert threshold_mask(Mask(torch.tensor([[[0.2, 0.5, 0.7]]])), 0.5).tolist() == [[[0, 0, 1]]]


def test_masks_are_pictures_and_back():
    mask = random_mask(2, 3, 4)
    image = mask_to_image(mask)
    assert image.shape == (2, 3, 4, 3)
    assert all(image_to_mask(image, channel).equal(mask) for channel in ("red", "green", "blue"))
    with pytest.raises(NodeError, match="3 channels and no alpha"):
        image_to_mask(image, "alpha")


def test_one_colour_is_masked():
    image = Image(torch.tensor([[[[1.0, 0.5, 0.0], [1.0, 0.5, 0.004], [0.0, 0.5, 1.0]]]]))
    assert image_color_to_mask(image, 0xFF8000).tolist() == [[[1, 0, 0]]]


def test_a_mask_is_shown_in_grey(folders):
    shown = mask_preview(Mask(torch.full((1, 2, 3), 0.5)), folders=folders)
    assert shown.files[0].folder == "temp"
    assert (np.asarray(Pillow.open(shown.files[0].path)) == 127).all()
