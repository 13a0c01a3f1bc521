"""What is drawn anew is grey, and its mask grows over the seam."""

import pytest
import torch

from sd_nodes.imaging.inpainting import greyed, grown, to_multiples


def test_pictures_are_cut_from_their_middle():
    picture = torch.arange(19.0)[None, :, None, None] + torch.zeros(1, 19, 16, 3)
    assert to_multiples(picture, 8).shape == (1, 16, 16, 3)
    assert to_multiples(picture, 8)[0, :, 0, 0].tolist() == list(range(1, 17))
    assert to_multiples(torch.zeros(2, 10, 9), 8).shape == (2, 8, 8)


def test_what_is_masked_by_more_than_a_half_is_grey():
    picture = torch.rand(2, 2, 2, 3)
    mask = torch.tensor([[[0.0, 0.4], [0.6, 1.0]]])
    found = greyed(picture, mask)
    assert torch.equal(found[:, 0], picture[:, 0]) and (found[:, 1] == 0.5).all()


@pytest.mark.parametrize("pixels", [0, 1, 2, 3, 6, 7])
def test_the_mask_grows_by_a_box(pixels):
    mask = torch.zeros(1, 1, 20, 20)
    mask[0, 0, 10, 8] = 0.9
    before, after = (pixels // 2, (pixels - 1) // 2) if pixels else (0, 0)
    expected = torch.zeros(20, 20)
    expected[10 - after : 11 + before, 8 - after : 9 + before] = 1
    assert torch.equal(grown(mask, pixels)[0, 0], expected)
    assert mask.sum() == pytest.approx(0.9)
