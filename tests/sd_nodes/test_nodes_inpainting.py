"""Noise masks, encoding for inpainting, and autoencoders tile by tile, on a small random model."""

import pytest
import torch

from graph_runtime import Folders, Interrupted, Progress
from graph_runtime.injected import Tick
from sd_nodes.inpainting import set_latent_noise_mask, vae_encode_for_inpaint
from sd_nodes.latents import vae_decode, vae_encode
from sd_nodes.loaders import load_base_model
from sd_nodes.tiling import vae_decode_tiled, vae_encode_tiled
from sd_nodes.types import Image, Latent, Mask, Vae
from sd_nodes.weights import WeightStore


@pytest.fixture
def vae(small_folders: Folders) -> Vae:
    return load_base_model("small", small_folders).vae


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_a_noise_mask_is_put_beside_the_latents():
    given: Latent = {"samples": torch.zeros(1, 4, 8, 8), "batch_index": [3]}
    masked = set_latent_noise_mask(given, Mask(torch.ones(2, 64, 64)))
    assert masked["noise_mask"].shape == (2, 1, 64, 64) and masked["batch_index"] == [3]
    assert "noise_mask" not in given


def test_what_is_masked_is_encoded_as_grey(vae, small_store: WeightStore):
    image, mask = Image(noise(1, 36, 32, 3)), Mask(torch.zeros(1, 18, 16))
    mask[:, 8:, 4:] = 1
    found = vae_encode_for_inpaint(image, vae, mask, 6, store=small_store)
    wide = torch.nn.functional.interpolate(mask[:, None], (36, 32), mode="bilinear")[:, 0, 2:34]
    grey = torch.where(wide.round()[..., None] > 0, torch.tensor(0.5), image[:, 2:34])
    expected = vae_encode(Image(grey), vae, store=small_store)
    assert found["samples"].shape == (1, 4, 4, 4)
    assert torch.allclose(found["samples"], expected["samples"], atol=1e-6)
    assert found["noise_mask"].shape == (1, 1, 32, 32)
    assert found["noise_mask"].sum() > wide.round().sum() > 0
    assert found["noise_mask"].unique().tolist() == [0, 1]


def test_the_picture_itself_is_not_changed(vae, small_store: WeightStore):
    image = Image(noise(1, 32, 32, 3))
    kept = image.clone()
    vae_encode_for_inpaint(image, vae, Mask(torch.ones(1, 32, 32)), store=small_store)
    assert image.equal(kept)


def test_large_tiles_change_nothing(vae, small_store: WeightStore):
    image = Image(noise(1, 36, 40, 4))
    whole = vae_encode(image, vae, store=small_store)
    tiled = vae_encode_tiled(image, vae, store=small_store)
    assert torch.allclose(tiled["samples"], whole["samples"], atol=1e-5)
    assert torch.allclose(
        vae_decode_tiled(whole, vae, store=small_store), vae_decode(whole, vae, store=small_store), atol=1e-5
    )


def test_an_overlap_of_decoding_is_at_most_a_quarter_of_a_tile(vae, small_store: WeightStore):
    latent: Latent = {"samples": noise(1, 4, 12, 12)}
    wide, quarter = (vae_decode_tiled(latent, vae, 64, overlap, store=small_store) for overlap in (4096, 16))
    assert wide.shape == (1, 96, 96, 3) and wide.equal(quarter)


def test_cancelling_takes_effect_at_the_next_tile(vae, small_store: WeightStore):
    seen: list[Tick] = []
    progress = Progress(seen.append, lambda: len(seen) >= 2)
    with pytest.raises(Interrupted):
        vae_decode_tiled({"samples": noise(1, 4, 12, 12)}, vae, 64, 16, store=small_store, progress=progress)
    assert [tick.done for tick in seen] == [1, 2]
