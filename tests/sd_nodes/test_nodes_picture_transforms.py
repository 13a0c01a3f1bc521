"""Pictures turned, framed, put side by side; layers of them; each called as a plain function."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from graph_runtime import NodeError
from sd_nodes.layers import morphology, porter_duff_image_composite
from sd_nodes.picture_transforms import (
    image_add_noise,
    image_flip,
    image_rotate,
    image_scale_to_max_dimension,
    image_stitch,
    resize_and_pad_image,
)
from sd_nodes.types import Image, Mask


def noise(*shape: int, seed: int = 0) -> Image:
    return Image(torch.rand(*shape, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turning_is_clockwise(quarters):
    image = noise(2, 3, 5, 3)
    turned = image_rotate(image, ("none", "90 degrees", "180 degrees", "270 degrees")[quarters])
    expected = np.stack([np.rot90(one, -quarters) for one in image.numpy()])
    assert np.array_equal(turned.numpy(), expected)


def test_mirroring():
    image = noise(1, 3, 5, 3)
    assert np.array_equal(image_flip(image, "x-axis: vertically")[0].numpy(), np.flipud(image[0].numpy()))
    assert np.array_equal(image_flip(image, "y-axis: horizontally")[0].numpy(), np.fliplr(image[0].numpy()))


@pytest.mark.parametrize(("size", "wanted"), [((20, 30), (13, 20)), ((30, 20), (20, 13)), ((9, 9), (20, 20))])
def test_the_longer_side_is_told(size, wanted):
    image = noise(1, *size, 3)
    scaled = image_scale_to_max_dimension(image, "bilinear", 20)
    assert tuple(scaled.shape[1:3]) == wanted
    assert torch.allclose(scaled.movedim(-1, 1), interpolate(image.movedim(-1, 1), wanted, mode="bilinear"))


def test_a_frame_is_filled_where_the_picture_does_not_reach():
    image = noise(1, 10, 20, 3)
    framed = resize_and_pad_image(image, 31, 30, "white", "nearest-exact")
    assert framed.shape == (1, 30, 31, 3) and framed[:, :7].eq(1).all() and framed[:, 22:].eq(1).all()
    inner = interpolate(image.movedim(-1, 1), (15, 31), mode="nearest-exact").movedim(1, -1)
    assert framed[:, 7:22].equal(inner)
    assert resize_and_pad_image(image, 31, 30, "black")[0, 0, 0].tolist() == [0, 0, 0]


def test_stitching_without_scaling_centres_the_smaller_one():
    first, second = noise(1, 8, 4, 3), noise(2, 3, 5, 4, seed=1)
    both = image_stitch(first, "right", False, 3, "red", second)
    assert both.shape == (2, 8, 4 + 4 + 5, 4)
    assert both[:, :, :4, :3].equal(first.expand(2, -1, -1, -1)) and both[:, :, :4, 3].eq(1).all()
    assert both[0, 0, 4].tolist() == [1, 0, 0, 1]
    assert both[:, 2:5, 8:].equal(second) and both[:, :2, 8:].eq(0).all() and both[:, 5:, 8:].eq(0).all()


@pytest.mark.parametrize(
    ("direction", "shape"), [("left", (8, 17)), ("right", (8, 17)), ("up", (10, 4)), ("down", (10, 4))]
)
def test_stitching_scales_the_second_to_the_first(direction, shape):
    first, second = noise(1, 8, 4, 3), noise(1, 3, 5, 3, seed=1)
    both = image_stitch(first, direction, True, 0, "white", second)
    assert tuple(both.shape[1:3]) == shape
    part = {"left": both[:, :, -4:], "right": both[:, :, :4], "up": both[:, -8:], "down": both[:, :8]}[direction]
    assert part.equal(first)
    assert image_stitch(first) is first


def test_noise_is_that_of_the_seed():
    image = noise(1, 4, 4, 3)
    drawn = torch.randn(1, 4, 4, 3, generator=torch.Generator().manual_seed(5))
    assert image_add_noise(image, 5, 0.3).equal((image + 0.3 * drawn).clamp(0, 1))


MORPHOLOGY = {
    "erode": cv2.MORPH_ERODE, "dilate": cv2.MORPH_DILATE, "open": cv2.MORPH_OPEN, "close": cv2.MORPH_CLOSE,
    "gradient": cv2.MORPH_GRADIENT, "top_hat": cv2.MORPH_TOPHAT, "bottom_hat": cv2.MORPH_BLACKHAT,
}  # fmt: skip


@pytest.mark.parametrize("side", [3, 5, 9])
@pytest.mark.parametrize("operation", list(MORPHOLOGY))
def test_morphology_is_opencvs(operation, side):
    """An odd square has its middle where OpenCV has it."""
    image = noise(1, 12, 17, 3)
    expected = cv2.morphologyEx(image[0].numpy(), MORPHOLOGY[operation], np.ones((side, side), np.uint8))
    assert np.allclose(morphology(image, operation, side)[0].numpy(), expected, atol=1e-6)


def test_an_even_square_reaches_further_up_and_left():
    image = torch.zeros(1, 7, 7, 1)
    image[0, 3, 3] = 1
    assert morphology(Image(image), "dilate", 4)[0, :, :, 0].nonzero().amin(0).tolist() == [2, 2]
    assert morphology(Image(image), "dilate", 4)[0, :, :, 0].nonzero().amax(0).tolist() == [5, 5]


COVERS = {
    "CLEAR": (0, 0, 0, 0), "SRC": (0, 1, 0, 1), "DST": (0, 0, 2, 2), "SRC_OVER": (0, 1, 2, 1),
    "DST_OVER": (0, 1, 2, 2), "SRC_IN": (0, 0, 0, 1), "DST_IN": (0, 0, 0, 2), "SRC_OUT": (0, 1, 0, 0),
    "DST_OUT": (0, 0, 2, 0), "SRC_ATOP": (0, 0, 2, 1), "DST_ATOP": (0, 1, 0, 2), "XOR": (0, 1, 2, 0),
}  # fmt: skip
"""What is seen where there is nothing, the source alone, the destination alone, both (Porter and Duff, figure 2)."""


@pytest.mark.parametrize("mode", list(COVERS))
def test_porter_duff_operators(mode):
    source, destination = Image(torch.full((1, 1, 4, 3), 0.25)), Image(torch.full((1, 1, 4, 3), 0.75))
    clear = Mask(torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])), Mask(torch.tensor([[[1.0, 1.0, 0.0, 0.0]]]))
    found = porter_duff_image_composite(source, clear[0], destination, clear[1], mode)
    colours = {0: 0.0, 1: 0.25, 2: 0.75}
    assert found.IMAGE[0, 0, :, 0].tolist() == [colours[seen] for seen in COVERS[mode]]
    assert found.MASK[0, 0].tolist() == [float(seen == 0) for seen in COVERS[mode]]


@pytest.mark.parametrize(
    ("mode", "blended"),
    [
        ("MULTIPLY", lambda s, d: s * d), ("SCREEN", lambda s, d: s + d - s * d), ("DARKEN", torch.minimum),
        ("LIGHTEN", torch.maximum), ("ADD", lambda s, d: (s + d).clamp(max=1)),
        ("OVERLAY", lambda s, d: torch.where(d < 0.5, 2 * s * d, 1 - 2 * (1 - s) * (1 - d))),
    ],
)  # fmt: skip
def test_blend_modes_of_opaque_pictures(mode, blended):
    source, destination = noise(2, 5, 6, 3), noise(1, 5, 6, 3, seed=1)
    opaque = Mask(torch.zeros(1, 5, 6))
    found = porter_duff_image_composite(source, opaque, destination, opaque, mode)
    assert torch.allclose(found.IMAGE, blended(source[:1], destination), atol=1e-6) and not found.MASK.any()


def test_layers_are_brought_to_the_size_below():
    source, destination = noise(1, 8, 8, 3), noise(1, 4, 6, 3, seed=1)
    half = Mask(torch.full((1, 2, 2), 0.5))
    found = porter_duff_image_composite(source, half, destination, half, "SRC_OVER")
    assert found.IMAGE.shape == (1, 4, 6, 3) and torch.allclose(found.MASK, torch.full((1, 4, 6), 0.25))
    with pytest.raises(NodeError, match="found pictures of 4 channels, needs 3"):
        porter_duff_image_composite(noise(1, 4, 4, 4), half, destination, half)
