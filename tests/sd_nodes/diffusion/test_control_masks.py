"""A ControlNet that steers a part of the picture: its residuals are masked in the size of each."""

import pytest
import torch

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control, prepare
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guidance import ALONE, Sides
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import WIDTH, controlnet, small_models, unet

EDGES = random_picture(1)
LATENTS = torch.Size((2, 4, 8, 8))


def left(height: int = 64, width: int = 64) -> torch.Tensor:
    """The left half."""
    mask = torch.zeros(1, height, width)
    mask[..., : width // 2] = 1.0
    return mask


def residuals(control: Control, sides: Sides = ALONE):
    generator = torch.Generator().manual_seed(0)
    count = 2 * sides.count
    latents = torch.randn(count, 4, 8, 8, generator=generator)
    told = Condition(torch.randn(count, 5, WIDTH, generator=generator))
    found = prepare(control, LATENTS, sides).residuals(latents, torch.tensor(500), told)
    return [*found.down, found.mid]


@torch.no_grad()
@pytest.mark.parametrize("mask", [left(), left(31, 20)])
def test_each_residual_is_masked_in_its_own_size(mask):
    net = controlnet()
    whole, masked = residuals(Control(net, EDGES)), residuals(Control(net, EDGES, mask=mask))
    assert {tuple(one.shape[2:]) for one in whole} == {(8, 8), (4, 4)}
    for before, after in zip(whole, masked, strict=True):
        middle = before.shape[3] // 2
        assert torch.equal(after[..., :middle], before[..., :middle])
        assert after[..., middle:].abs().max() == 0


@torch.no_grad()
def test_a_mask_in_guess_mode_leaves_the_negative_prompt_alone():
    found = residuals(Control(controlnet(), EDGES, guess=True, mask=left()), Sides(negative=True))
    for one in found:
        assert one[:2].abs().max() == 0
        assert one[2:, ..., : one.shape[3] // 2].abs().max() > 0
        assert one[2:, ..., one.shape[3] // 2 :].abs().max() == 0


@torch.no_grad()
def test_a_control_pooled_over_the_picture_fills_its_mask():
    """What it adds is the same everywhere, so the mask says where."""
    for one in residuals(Control(controlnet(global_pool_conditions=True), EDGES, mask=left())):
        assert one.shape[2:] in {(8, 8), (4, 4)}
        assert one[..., one.shape[3] // 2 :].abs().max() == 0


def test_residuals_are_those_that_the_unet_takes():
    """Three levels, two layers each, odd sizes: as many residuals in the sizes of the skip connections."""
    deep = {"block_out_channels": (8, 16, 16), "layers_per_block": 2}
    net = controlnet(down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"), **deep)
    blocks = {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")}
    model = unet(**deep, down_block_types=net.config.down_block_types, **blocks)
    latents, told = torch.randn(1, 4, 9, 13), Condition(torch.randn(1, 5, WIDTH))
    control = Control(net, torch.rand(1, 72, 104, 3), mask=torch.rand(1, 72, 104))
    with torch.no_grad():
        found = prepare(control, latents.shape).residuals(latents, torch.tensor(500), told)
        added = {"down_block_additional_residuals": found.down, "mid_block_additional_residual": found.mid}
        model(latents, 500, told.states, **added)
    assert len(found.down) == 9


def test_a_mask_of_ones_is_no_mask_and_of_zeros_no_control():
    models, net = small_models(), controlnet()
    whole = ours.from_text(models, Ask(), [Control(net, EDGES)])
    assert torch.equal(ours.from_text(models, Ask(), [Control(net, EDGES, mask=torch.ones(1, 64, 64))]), whole)
    nothing = ours.from_text(models, Ask(), [Control(net, EDGES, mask=torch.zeros(1, 64, 64))])
    assert torch.equal(nothing, ours.from_text(models, Ask()))
    half = ours.from_text(models, Ask(), [Control(net, EDGES, mask=left())])
    assert not torch.equal(half, whole) and not torch.equal(half, nothing)


def test_masks_that_do_not_fit_the_batch_are_told():
    with pytest.raises(SettingError, match="2 masks of a ControlNet for 1 latents"):
        ours.from_text(small_models(), Ask(), [Control(controlnet(), EDGES, mask=torch.ones(2, 8, 8))])
