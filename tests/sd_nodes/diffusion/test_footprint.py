"""The peak of activations told from shapes, against bytes counted while networks compute."""

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.accounting import peak_bytes
from sd_nodes.diffusion import footprint
from sd_nodes.diffusion.footprint import Latents
from tests.sd_nodes.models import WIDTH, controlnet, text_encoder, unet, vae

TOLERANCE = 0.05
"""What is stated: a twentieth, in the sizes that people draw."""

BYTES = 4
SD1 = {"cross_attention_dim": 768}
SDXL = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 3),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
}
"""As published, but for fewer transformer layers in the middle: these follow each other and add nothing to the peak."""

AUTOENCODER = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}


class Embedded(nn.Module):
    """Stands where a ControlNet embeds its picture, as in a run."""

    def __init__(self, embedding: torch.Tensor) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.embedding


def near(counted: int, numbers: int, tolerance: float = TOLERANCE) -> bool:
    return abs(counted - BYTES * numbers) <= tolerance * counted


@pytest.mark.parametrize(("config", "side", "batch"), [(SD1, 64, 2), (SD1, 96, 1), (SDXL, 128, 2)])
def test_a_unet_of_full_size(config: dict[str, object], side: int, batch: int) -> None:
    with FakeTensorMode():
        model = UNet2DConditionModel(**config).eval()
        given = torch.empty(batch, 4, side, side), 7, torch.empty(batch, 77, config["cross_attention_dim"])
        counted = peak_bytes(lambda: model(*given).sample)
    assert near(counted, footprint.unet(config, Latents(batch, side, side)))


def test_a_step_of_full_size_with_a_controlnet() -> None:
    """The residuals live as long as the step; the picture and its embedding were there before and are counted too."""
    latents = Latents(2, 64, 64)
    with FakeTensorMode():
        model, net = UNet2DConditionModel(**SD1).eval(), ControlNetModel(**SD1).eval()
        pixels = torch.empty(2, 3, 512, 512)
        net.controlnet_cond_embedding = Embedded(torch.empty(2, 320, 64, 64))
        given = torch.empty(2, 4, 64, 64), 7, torch.empty(2, 77, 768)
        before = pixels.nbytes + net.controlnet_cond_embedding.embedding.nbytes

        def step() -> object:
            down, mid = net(*given, pixels, return_dict=False)
            return model(*given, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample

        alone = peak_bytes(lambda: net(*given, pixels, return_dict=False))
        together = peak_bytes(step)
    assert near(alone + before, footprint.controlnet(SD1, latents))
    assert near(together + before, footprint.unet(SD1, latents, controls=1))


@pytest.mark.parametrize(("height", "width", "batch"), [(64, 64, 1), (96, 64, 2)])
def test_an_autoencoder_of_full_size(height: int, width: int, batch: int) -> None:
    latents = Latents(batch, height, width)
    with FakeTensorMode():
        model = AutoencoderKL(**AUTOENCODER).eval()
        given, picture = torch.empty(batch, 4, height, width), torch.empty(batch, 3, height * 8, width * 8)
        decoding = peak_bytes(lambda: model.decode(given).sample)
        encoding = peak_bytes(lambda: model.encode(picture).latent_dist)
    assert near(decoding, footprint.decoder(AUTOENCODER, latents))
    assert near(encoding + picture.nbytes, footprint.encoder(AUTOENCODER, latents))


def test_tiles_and_slices_of_full_size() -> None:
    latents = Latents(2, 80, 80)
    with FakeTensorMode():
        model = AutoencoderKL(**AUTOENCODER).eval()
        model.enable_tiling()
        model.enable_slicing()
        given = torch.empty(2, 4, 80, 80)
        counted = peak_bytes(lambda: model.decode(given).sample)
    told = footprint.decoder(AUTOENCODER, latents, tiled=True, sliced=True)
    assert near(counted, told, 0.1)
    assert told < footprint.decoder(AUTOENCODER, latents) / 3


def test_a_text_encoder_of_full_size() -> None:
    with FakeTensorMode():
        config = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        model = CLIPTextModel(config).eval()
        words = torch.zeros(1, 77, dtype=torch.long)
        counted = peak_bytes(lambda: model(words, output_hidden_states=True))
    assert near(counted, footprint.text_encoder(config.to_dict()))


def test_small_networks_on_real_numbers() -> None:
    """The bytes of the CPU's own tensors; small networks hold relatively more of what is not counted."""
    latents = Latents(2, 16, 16)
    given = torch.randn(2, 4, 16, 16), 7, torch.randn(2, 77, WIDTH)
    model, net, coder, words = unet().eval(), controlnet(), vae().eval(), text_encoder().eval()
    assert near(peak_bytes(lambda: model(*given).sample), footprint.unet(model.config, latents), 0.2)
    picture = torch.randn(2, 3, 128, 128)
    counted = peak_bytes(lambda: net(*given, picture, return_dict=False)) + picture.nbytes
    assert near(counted, footprint.controlnet(net.config, latents), 0.3)
    assert near(peak_bytes(lambda: coder.decode(given[0]).sample), footprint.decoder(coder.config, latents), 0.3)
    ids = torch.zeros(1, 77, dtype=torch.long)
    told = footprint.text_encoder(words.config.to_dict())
    assert near(peak_bytes(lambda: words(ids, output_hidden_states=True)), told, 0.3)
