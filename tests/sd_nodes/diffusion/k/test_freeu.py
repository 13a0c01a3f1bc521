"""FreeU against diffusers' own, where both mean the same."""

import torch
from diffusers import UNet2DConditionModel

from sd_nodes.diffusion.k.freeu import Scales, with_freeu
from tests.sd_nodes.diffusion.k.small import latents, states
from tests.sd_nodes.models import ready, unet


def wide() -> UNet2DConditionModel:
    """Widths of 16, 32 and 64: the decoder's first block is four times as wide as the first layer, the second twice."""
    return ready(
        unet(
            block_out_channels=(16, 32, 64),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"),
        )
    )


@torch.no_grad()
def predicted(model: UNet2DConditionModel) -> torch.Tensor:
    found: torch.Tensor = model(latents(16, 16), 500, states(1)).sample
    return found


def test_version_one_scales_what_diffusers_scales() -> None:
    """Diffusers goes by the block, and the first resnet of the second block still has the width of the first."""
    plain, reference = wide(), wide()
    reference.enable_freeu(s1=0.5, s2=0.5, b1=1.3, b2=1.3)
    found = predicted(with_freeu(plain, Scales(1.3, 0.5), Scales(1.3, 0.5)))
    expected = predicted(reference)
    assert not torch.allclose(found, predicted(plain), atol=1e-4)
    # The third block's first resnet is twice as wide, too, and diffusers leaves it alone.
    block = with_freeu(plain, Scales(1.3, 0.5), Scales(1.3, 0.5))
    block.up_blocks[2].resnets[0].scales = None
    torch.testing.assert_close(predicted(block), expected, rtol=1e-4, atol=1e-5)


def test_scales_of_one_change_nothing_and_the_model_stays() -> None:
    plain = wide()
    before = predicted(plain)
    ones = with_freeu(plain, Scales(1.0, 1.0), Scales(1.0, 1.0), by_mean=True)
    torch.testing.assert_close(predicted(ones), before, rtol=1e-4, atol=1e-5)
    assert torch.equal(predicted(plain), before)


def test_twice_is_one_after_the_other() -> None:
    plain = wide()
    once = with_freeu(plain, Scales(1.3, 1.0), Scales(1.2, 1.0))
    twice = with_freeu(once, Scales(1.1, 1.0), Scales(1.4, 1.0))
    both = with_freeu(plain, Scales(1.3 * 1.1, 1.0), Scales(1.2 * 1.4, 1.0))
    torch.testing.assert_close(predicted(twice), predicted(both), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(predicted(twice), predicted(once), atol=1e-4)


def test_version_two_scales_by_the_mean_at_each_place() -> None:
    from sd_nodes.diffusion.k.freeu import _Scaled

    class Echo(torch.nn.Module):
        out_channels = 4

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features

    own = torch.stack([torch.full((4, 8, 8), 1.0), torch.full((4, 8, 8), 3.0)])
    own[:, :, 0, 0] = 5.0
    found = _Scaled(Echo(), 4, {4: Scales(1.5, 1.0)}, by_mean=True)(torch.cat([own, own * 0], dim=1))
    expected = own.clone()
    expected[:, :2, 0, 0] *= 1.5
    torch.testing.assert_close(found[:, :4], expected)
