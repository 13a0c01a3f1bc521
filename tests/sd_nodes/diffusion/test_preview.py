from types import SimpleNamespace

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn

from sd_nodes.diffusion.preview import Colours, fit_colours, preview
from sd_nodes.diffusion.vae import encode
from tests.sd_nodes.diffusion.ours import random_picture


class LinearAutoencoder(nn.Module):
    """The mean colour of each 8 x 8 pixels, mixed into four channels."""

    device, dtype = torch.device("cpu"), torch.float32
    use_slicing = use_tiling = False
    config = SimpleNamespace(in_channels=3, block_out_channels=(1, 1, 1, 1), scaling_factor=0.5)

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 4, kernel_size=1).requires_grad_(False)

    def encode(self, pixels: Tensor) -> SimpleNamespace:
        mean = self.mix(nn.functional.avg_pool2d(pixels, 8))
        return SimpleNamespace(latent_dist=DiagonalGaussianDistribution(torch.cat([mean, mean], dim=1)))


def test_the_colours_of_a_linear_autoencoder_are_found() -> None:
    torch.manual_seed(1)
    vae = LinearAutoencoder()
    picture = random_picture(2)
    shown = preview(encode(picture, vae) * 0.5, fit_colours(vae))
    expected = picture.unflatten(1, (8, 8)).unflatten(3, (8, 8)).mean(dim=(2, 4))
    torch.testing.assert_close(shown, expected, atol=1e-3, rtol=0)


def test_a_preview_stays_between_black_and_white() -> None:
    colours = Colours(weights=torch.ones(3, 4), bias=torch.zeros(3))
    shown = preview(torch.randn(2, 4, 8, 6).to(torch.bfloat16) * 100, colours)
    assert shown.shape == (2, 8, 6, 3)
    assert shown.dtype == torch.float32
    assert shown.min() == 0
    assert shown.max() == 1
