"""A part of a picture drawn anew, against diffusers' own pipelines on the same weights."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Folders, NodeError
from sd_nodes.controlnet import controlnet_apply_advanced
from sd_nodes.inpainting import inpaint_model_conditioning, set_latent_noise_mask
from sd_nodes.latents import empty_latent_image, vae_decode, vae_encode
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.picture_sizes import image_pad_for_outpaint
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.tiling import vae_decode_tiled, vae_encode_tiled
from sd_nodes.types import Image, Mask
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models
from tests.sd_nodes.test_nodes_sampling import as_pillow, channels_first, picture, reference, told


@pytest.fixture(scope="module")
def shelf(small_shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model beside another whose UNet has nine channels, as `small` in a folder of its own."""
    root = tmp_path_factory.mktemp("inpainting")
    shutil.copytree(small_shelf / "controlnet", root / "controlnet")
    shutil.copytree(small_shelf / "diffusers/small", root / "diffusers/small")
    shutil.rmtree(root / "diffusers/small/unet")
    models.ready(models.unet(in_channels=9)).save_pretrained(root / "diffusers/small/unet")
    return root


@pytest.fixture
def plain(small_folders: Folders) -> Folders:
    return small_folders


@pytest.fixture
def nine(shelf: Path) -> Folders:
    return Folders(models=(shelf,))


def mask() -> Mask:
    """Soft values, which diffusers rounds."""
    made = torch.zeros(1, 64, 64)
    made[:, 16:40, 24:56] = 1.0
    made[:, 40:44, 24:56] = 0.6
    made[:, 44:50, 24:56] = 0.4
    return Mask(made)


def mask_as_pillow() -> Pillow.Image:
    return Pillow.fromarray((mask()[0] * 255).round().byte().numpy())


def drawn(base: BaseModel, store: WeightStore, pair, latent, strength: float) -> Image:
    model = swap_scheduler(base.model, "unipc")
    return vae_decode(sampler(model, *pair, latent, 3, 5, 6.0, strength, store=store), base.vae, store=store)


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_with_a_plain_model_it_is_diffusers_to_the_bit(plain, small_store, strength):
    base = load_base_model("small", plain)
    latent = set_latent_noise_mask(vae_encode(picture(), base.vae, store=small_store), mask())
    ours = drawn(base, small_store, told(base, small_store), latent, strength)
    theirs = reference(
        "StableDiffusionInpaintPipeline", base, plain, torch.float32, image=channels_first(picture()),
        mask_image=mask_as_pillow(), strength=strength, height=64, width=64,
    )  # fmt: skip
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_with_an_inpainting_model_it_is_diffusers_to_the_bit(nine, strength):
    store, base = WeightStore(nine), load_base_model("small", nine)
    told_of = inpaint_model_conditioning(*told(base, store), base.vae, picture(), mask(), store=store)
    ours = drawn(base, store, told_of[:2], told_of.latent, strength)
    theirs = reference(
        "StableDiffusionInpaintPipeline", base, nine, torch.float32, image=channels_first(picture()),
        mask_image=mask_as_pillow(), strength=strength, height=64, width=64,
    )  # fmt: skip
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("folders", ["plain", "nine"])
def test_with_a_controlnet_it_is_diffusers_to_the_bit(folders, request):
    folders = request.getfixturevalue(folders)
    store, base = WeightStore(folders), load_base_model("small", folders)
    net = controlnet_loader("small-canny", folders)
    pair = controlnet_apply_advanced(*told(base, store), net, picture(1), 0.8, 0.0, 0.5)
    told_of = inpaint_model_conditioning(*pair, base.vae, picture(), mask(), store=store)
    theirs = reference(
        "StableDiffusionControlNetInpaintPipeline", base, folders, torch.float32, "small-canny",
        image=channels_first(picture()), mask_image=mask_as_pillow(), control_image=as_pillow(picture(1)),
        controlnet_conditioning_scale=0.8, control_guidance_end=0.5, strength=0.8,
    )  # fmt: skip
    assert torch.equal(drawn(base, store, told_of[:2], told_of.latent, 0.8), theirs)


@pytest.mark.parametrize("folders", ["plain", "nine"])
def test_outpainting_is_diffusers_on_the_framed_picture_to_the_bit(folders, request):
    """With a plain model and with one made for inpainting; the frame is drawn from noise alone."""
    folders = request.getfixturevalue(folders)
    store, base = WeightStore(folders), load_base_model("small", folders)
    framed, border = image_pad_for_outpaint(Image(picture()[:, :40, :48]), 8, 0, 8, 24, 0)
    *pair, latent = inpaint_model_conditioning(*told(base, store), base.vae, framed, border, store=store)
    theirs = reference(
        "StableDiffusionInpaintPipeline", base, folders, torch.float32, image=channels_first(framed),
        mask_image=Pillow.fromarray((border[0] * 255).byte().numpy()), strength=1.0, height=64, width=64,
    )  # fmt: skip
    assert framed.shape == (1, 64, 64, 3)
    assert torch.equal(drawn(base, store, pair, latent, 1.0), theirs)


def test_a_large_picture_is_drawn_through_a_tiled_autoencoder(plain, small_store):
    """Encoded, drawn over and decoded tile by tile it is nearly what it is as a whole."""
    base, large = load_base_model("small", plain), Image(picture().repeat(1, 3, 4, 1))
    whole = vae_encode(large, base.vae, store=small_store)
    tiled = vae_encode_tiled(large, base.vae, 128, 32, store=small_store)
    whole.pop("deviation")
    assert tiled["samples"].shape == whole["samples"].shape == (1, 4, 24, 32)
    pair = told(base, small_store)
    found, expected = (sampler(base.model, *pair, one, 3, 2, 6.0, 0.5, store=small_store) for one in (tiled, whole))
    pictures = (
        vae_decode_tiled(found, base.vae, 128, 32, store=small_store),
        vae_decode(expected, base.vae, store=small_store),
    )
    assert pictures[0].shape == large.shape
    assert (pictures[0] - pictures[1]).abs().mean() < 0.05 < pictures[1].std()


def test_what_is_not_masked_stays(plain, small_store):
    base = load_base_model("small", plain)
    latent = set_latent_noise_mask(vae_encode(picture(), base.vae, store=small_store), mask())
    latent.pop("deviation")
    found = sampler(base.model, *told(base, small_store), latent, 3, 3, 6.0, store=small_store)["samples"]
    stays = torch.ones(8, 8, dtype=torch.bool)
    stays[2:6, 3:7] = False
    torch.testing.assert_close(found[..., stays], latent["samples"][..., stays])
    assert not torch.allclose(found[..., ~stays], latent["samples"][..., ~stays])


def test_a_model_for_inpainting_wants_a_picture(nine):
    store, base = WeightStore(nine), load_base_model("small", nine)
    with pytest.raises(NodeError, match="InpaintModelConditioning"):
        sampler(base.model, *told(base, store), empty_latent_image(64, 64), store=store)


def test_masks_that_do_not_fit_the_batch_are_refused(plain, small_store):
    base = load_base_model("small", plain)
    latent = set_latent_noise_mask(empty_latent_image(64, 64, 3), Mask(torch.ones(2, 8, 8)))
    with pytest.raises(NodeError, match="2 masks for 3 latents"):
        sampler(base.model, *told(base, small_store), latent, store=small_store)
