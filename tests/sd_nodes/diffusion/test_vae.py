import pytest
import torch
from diffusers import AutoencoderKL

from sd_nodes.diffusion.denoise import seeded
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.pictures import as_bytes, to_channels_first
from sd_nodes.diffusion.vae import decode, encode, factor
from tests.sd_nodes.diffusion.ours import random_picture
from tests.sd_nodes.models import ready, vae


@pytest.fixture(scope="module")
def autoencoder() -> AutoencoderKL:
    return ready(vae())


def test_the_mean_and_a_sample(autoencoder: AutoencoderKL) -> None:
    picture = random_picture(1, batch=2)
    expected = autoencoder.encode(2 * to_channels_first(picture) - 1).latent_dist
    assert torch.equal(encode(picture, autoencoder), expected.mode())
    assert torch.equal(encode(picture, autoencoder, seeded(3)), expected.sample(seeded(3)))
    assert not torch.equal(expected.mode(), expected.sample(seeded(3)))


def test_decoding(autoencoder: AutoencoderKL) -> None:
    latents = torch.randn(2, 4, 8, 6, generator=seeded(1))
    picture = decode(latents, autoencoder)
    assert picture.shape == (2, 64, 48, 3)
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() < picture.max() <= 1
    expected = (autoencoder.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    assert torch.equal(to_channels_first(picture), expected)


def test_one_result_however_the_latents_lie_in_memory(autoencoder: AutoencoderKL) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=seeded(1))
    assert torch.equal(decode(latents.to(memory_format=torch.channels_last), autoencoder), decode(latents, autoencoder))


def test_slices_give_the_same(autoencoder: AutoencoderKL) -> None:
    latents = torch.randn(3, 4, 8, 8, generator=seeded(1))
    torch.testing.assert_close(decode(latents, autoencoder, sliced=True), decode(latents, autoencoder))
    assert autoencoder.use_slicing is False


def test_tiles_are_those_of_diffusers(autoencoder: AutoencoderKL) -> None:
    latents = torch.randn(1, 4, 16, 16, generator=seeded(1))
    tiling = ready(vae())
    tiling.enable_tiling()
    tiled = decode(latents, autoencoder, tiled=True)
    assert torch.equal(to_channels_first(tiled), (tiling.decode(latents).sample / 2 + 0.5).clamp(0, 1))
    assert not torch.equal(tiled, decode(latents, autoencoder))
    assert autoencoder.use_tiling is False


def test_tiles_are_encoded(autoencoder: AutoencoderKL) -> None:
    picture = random_picture(1).repeat(1, 2, 2, 1)
    assert encode(picture, autoencoder, tiled=True).shape == encode(picture, autoencoder).shape == (1, 4, 16, 16)


def test_bytes_survive(autoencoder: AutoencoderKL) -> None:
    picture = random_picture(1)
    assert torch.equal(as_bytes(picture).float() / 255, picture)


def test_a_picture_that_does_not_fit(autoencoder: AutoencoderKL) -> None:
    with pytest.raises(SettingError, match="70 x 64, needed are multiples of 8, such as 64 x 64"):
        encode(torch.zeros(1, 70, 64, 3), autoencoder)
    with pytest.raises(SettingError, match="height, width, 3"):
        encode(torch.zeros(1, 64, 64, 4), autoencoder)


def test_latents_that_do_not_fit(autoencoder: AutoencoderKL) -> None:
    with pytest.raises(SettingError, match="4, height, width"):
        decode(torch.zeros(1, 16, 8, 8), autoencoder)


def test_the_factor(autoencoder: AutoencoderKL) -> None:
    assert factor(autoencoder) == 8
