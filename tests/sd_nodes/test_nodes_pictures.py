"""The picture nodes: sizes, batches, filters, compositing; each called as a plain function."""

import math

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import NodeError
from sd_nodes.compositing import image_composite_masked, join_image_with_alpha, split_image_with_alpha
from sd_nodes.filters import canny, image_blend, image_blur, image_invert, image_quantize, image_sharpen
from sd_nodes.picture_batches import empty_image, image_batch, image_from_batch, rebatch_images, repeat_image_batch
from sd_nodes.picture_sizes import (
    get_image_size,
    image_crop,
    image_pad_for_outpaint,
    image_scale_by,
    image_scale_to_total_pixels,
)
from sd_nodes.types import Image, Mask


def noise(*shape: int, seed: int = 0) -> Image:
    return Image(torch.rand(*shape, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(("factor", "size"), [(2.0, (12, 18)), (0.5, (3, 4)), (0.01, (1, 1)), (1.1, (7, 10))])
def test_scaling_by_a_factor_rounds_the_sides(factor, size):
    """Python rounds a half to the even number: 4.5 to 4."""
    assert image_scale_by(noise(1, 6, 9, 3), "bilinear", factor).shape[1:3] == size


def test_scaling_by_lanczos_is_pillows():
    image = noise(1, 6, 8, 3)
    picture = Pillow.fromarray((image[0] * 255).to(torch.uint8).numpy()).resize((16, 12), Pillow.Resampling.LANCZOS)
    expected = torch.from_numpy(np.array(picture)).float() / 255
    assert torch.equal(image_scale_by(image, "lanczos", 2.0)[0], expected)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (30, 200)])
def test_scaling_to_an_area_keeps_the_proportion(height, width):
    scaled = image_scale_to_total_pixels(noise(1, height, width, 3), "area", 0.02)
    factor = math.sqrt(int(0.02 * 1024 * 1024) / (height * width))
    assert scaled.shape[1:3] == (round(height * factor), round(width * factor))


@pytest.mark.parametrize(("x", "y", "size"), [(0, 0, (3, 4)), (6, 4, (2, 3)), (99, 99, (1, 1))])
def test_a_rectangle_is_cut_as_far_as_there_is_a_picture(x, y, size):
    image = noise(2, 6, 9, 3)
    cut = image_crop(image, 4, 3, x, y)
    assert cut.shape == (2, *size, 3)
    assert cut.equal(image[:, min(y, 5) : min(y, 5) + 3, min(x, 8) : min(x, 8) + 4])


def test_a_picture_is_framed_for_outpainting():
    framed, mask = image_pad_for_outpaint(noise(1, 16, 16, 3), left=8, feathering=2)
    assert framed.shape == (1, 16, 24, 3) and mask.shape == (1, 16, 24)
    assert (mask[0, :, :9] == 1).all() and (mask[0, :, 9] == 0.25).all() and (mask[0, :, 10:] == 0).all()


def test_the_size_of_pictures():
    assert tuple(get_image_size(noise(3, 4, 5, 3))) == (5, 4, 3)


def test_a_colour_is_one_number():
    image = empty_image(3, 2, 2, 0x3380FF)
    assert image.shape == (2, 2, 3, 3)
    assert torch.allclose(image, torch.tensor([0x33, 0x80, 0xFF]) / 255)


def test_batches_are_joined_in_the_size_of_the_first():
    joined = image_batch(noise(2, 4, 6, 3), noise(1, 8, 12, 3))
    assert joined.shape == (3, 4, 6, 3)
    assert joined[:2].equal(noise(2, 4, 6, 3))
    wide = image_batch(
        Image(torch.zeros(1, 4, 4, 3)), Image(torch.arange(12.0)[None, None, :, None].expand(1, 4, 12, 3))
    )
    assert wide[1, 0, :, 0].tolist() == [4, 5, 6, 7]  # cut from the middle, not squeezed


def test_a_batch_with_alpha_makes_the_other_opaque():
    joined = image_batch(noise(1, 2, 2, 3), noise(1, 2, 2, 4, seed=1))
    assert joined.shape == (2, 2, 2, 4) and (joined[0, ..., 3] == 1).all()
    assert joined[1].equal(noise(1, 2, 2, 4, seed=1)[0])


def test_rebatching_keeps_the_order():
    batches = rebatch_images([noise(3, 2, 2, 3), noise(2, 2, 2, 3, seed=1)], 2)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert torch.cat(list(batches)).equal(torch.cat([noise(3, 2, 2, 3), noise(2, 2, 2, 3, seed=1)]))


@pytest.mark.parametrize(("first", "length", "taken"), [(0, 1, [0]), (1, 9, [1, 2, 3]), (9, 2, [3])])
def test_taking_from_a_batch(first, length, taken):
    image = noise(4, 2, 2, 3)
    assert image_from_batch(image, first, length).equal(image[taken])


def test_repeating_a_batch():
    image = noise(2, 2, 2, 3)
    assert repeat_image_batch(image, 2).equal(torch.cat([image, image]))


def test_inverting_twice_changes_nothing():
    image = noise(1, 4, 4, 3)
    assert torch.allclose(image_invert(image), 1 - image) and torch.allclose(image_invert(image_invert(image)), image)


def test_blending_brings_pictures_to_one_size_and_number():
    below, above = noise(1, 4, 6, 3), noise(3, 8, 12, 4, seed=1)
    assert image_blend(below, above, 0.5, "screen").shape == (3, 4, 6, 3)
    assert image_blend(below, above, 0.0, "normal").equal(below.expand(3, 4, 6, 3))


def test_blur_and_sharpen_keep_the_size():
    image = noise(2, 8, 9, 3)
    assert image_blur(image, 3, 1.0).shape == image_sharpen(image, 3, 1.0, 0.5).shape == image.shape
    assert image_blur(image, 3, 1.0).std() < image.std() < image_sharpen(image, 3, 1.0, 0.05).std()


def test_quantizing_makes_few_colours():
    assert len(image_quantize(noise(1, 8, 8, 3), 4, "bayer-4").reshape(-1, 3).unique(dim=0)) <= 4


def test_canny_gives_white_on_black_in_colour():
    image = Image(torch.zeros(2, 12, 12, 4))
    image[:, :, 6:, :3] = 1
    edges = canny(image, 0.4, 0.8)
    assert edges.shape == (2, 12, 12, 3) and edges.unique().tolist() == [0, 1]


def test_thresholds_in_the_wrong_order_are_told():
    with pytest.raises(NodeError, match=r"low threshold is 0.8 and the high one 0.4"):
        canny(noise(1, 8, 8, 3), 0.8, 0.4)


def test_compositing_takes_the_channels_of_what_is_below():
    below, above = noise(1, 6, 6, 3), noise(1, 2, 2, 4, seed=1)
    pasted = image_composite_masked(below, above, 1, 2, False, Mask(torch.ones(1, 2, 2)))
    assert pasted[:, 2:4, 1:3].equal(above[..., :3]) and pasted[:, :2].equal(below[:, :2])


def test_alpha_is_put_on_and_taken_off():
    image, mask = noise(1, 4, 4, 3), Mask(noise(1, 4, 4, seed=1))
    joined = join_image_with_alpha(image, mask)
    assert joined.shape == (1, 4, 4, 4) and torch.allclose(joined[..., 3], 1 - mask)
    split = split_image_with_alpha(joined)
    assert split.IMAGE.equal(image) and torch.allclose(split.MASK, mask)
    assert not split_image_with_alpha(image).MASK.any()
    assert join_image_with_alpha(noise(3, 4, 4, 3), mask).equal(join_image_with_alpha(noise(3, 4, 4, 3)[:1], mask))
