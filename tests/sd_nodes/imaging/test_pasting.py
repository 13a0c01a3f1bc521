"""Pictures laid on others, and framed."""

import pytest
import torch

from sd_nodes.imaging.pasting import fit_batch, outpaint, paste, with_channels


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 1), (6, 5), (8, 0), (20, 20)])
def test_what_reaches_over_the_border_is_left_out(x, y):
    below, above = noise(1, 3, 6, 8), noise(1, 3, 4, 5, seed=1)
    mask = noise(1, 4, 5, seed=2)
    expected = below.clone()
    for i in range(4):
        for j in range(5):
            if y + i < 6 and x + j < 8:
                cover = mask[0, i, j]
                expected[0, :, y + i, x + j] = cover * above[0, :, i, j] + (1 - cover) * below[0, :, y + i, x + j]
    kept = below.clone()
    assert torch.allclose(paste(below, above, x, y, mask, resize=False), expected)
    assert torch.equal(below, kept)


def test_without_a_mask_all_is_covered():
    below, above = noise(1, 1, 4, 4), noise(1, 1, 2, 2, seed=1)
    assert torch.equal(paste(below, above, 1, 1, None, resize=False)[:, :, 1:3, 1:3], above)


def test_it_can_be_scaled_to_what_is_below():
    assert (paste(torch.zeros(1, 3, 6, 8), torch.ones(1, 3, 2, 2), 0, 0, None, resize=True) == 1).all()


def test_batches_and_masks_are_repeated_to_fit():
    below, above = torch.zeros(3, 1, 2, 2), torch.stack([torch.full((1, 2, 2), v) for v in (1.0, 2.0)])
    assert paste(below, above, 0, 0, torch.ones(1, 4, 4), resize=False)[:, 0, 0, 0].tolist() == [1, 2, 1]
    assert fit_batch(torch.arange(3.0), 2).tolist() == [0, 1]


def test_a_channel_that_lacks_is_opaque():
    image = noise(1, 2, 2, 3)
    assert torch.equal(with_channels(image, 4)[..., 3], torch.ones(1, 2, 2))
    assert with_channels(with_channels(image, 4), 3).equal(image)


@pytest.mark.parametrize("sides", [(3, 0, 0, 0), (0, 2, 4, 0), (1, 1, 1, 1), (0, 0, 0, 0)])
def test_a_frame_is_grey_and_masked_and_falls_off_into_the_picture(sides):
    left, top, right, bottom = sides
    image, feathering = noise(2, 10, 12, 3), 4
    framed, mask = outpaint(image, left, top, right, bottom, feathering)
    assert framed.shape == (2, 10 + top + bottom, 12 + left + right, 3)
    assert mask.shape == (1, *framed.shape[1:3])
    assert framed[:, top : top + 10, left : left + 12].equal(image)
    outside = torch.ones(framed.shape[1:3], dtype=torch.bool)
    outside[top : top + 10, left : left + 12] = False
    assert (framed[:, outside] == 0.5).all() and (mask[0, outside] == 1).all()
    for i in range(10):
        for j in range(12):
            far = [i if top else 99, 10 - i if bottom else 99, j if left else 99, 12 - j if right else 99]
            expected = max(0.0, (feathering - min(far)) / feathering) ** 2
            assert mask[0, top + i, left + j].item() == pytest.approx(expected)


def test_a_picture_too_small_for_its_feather_keeps_a_sharp_mask():
    _, mask = outpaint(torch.zeros(1, 8, 8, 3), 2, 0, 0, 0, 4)
    assert mask.unique().tolist() == [0, 1] and mask.sum() == 16
