"""A seed for each picture of a batch, against diffusers' pipelines with a list of generators."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graph_runtime import Folders
from sd_nodes.inpainting import inpaint_model_conditioning, set_latent_noise_mask
from sd_nodes.latent_batches import repeat_latent_batch
from sd_nodes.latents import vae_decode, vae_encode
from sd_nodes.loaders import load_base_model
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.types import Image, Latent
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_sd3_folder
from tests.sd_nodes import test_nodes_sd3_native as three
from tests.sd_nodes.test_nodes_inpaint_runs import mask, mask_as_pillow
from tests.sd_nodes.test_nodes_sampling import channels_first, picture, reference, told

COUNT = 3
SCHEDULERS = ("unipc", "euler_ancestral")
"""One draws no noise on the way, the other does."""


@pytest.fixture(scope="module")
def nine(small_shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The small model with a UNet of nine channels, as models for inpainting have."""
    root = tmp_path_factory.mktemp("inpainting_batches")
    shutil.copytree(small_shelf / "diffusers/small", root / "diffusers/small")
    shutil.rmtree(root / "diffusers/small/unet")
    models.ready(models.unet(in_channels=9)).save_pretrained(root / "diffusers/small/unet")
    return Folders(models=(root,))


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(3 + place) for place in range(COUNT)]


def repeated(image: Image) -> torch.Tensor:
    return channels_first(image).repeat(COUNT, 1, 1, 1)


def several(scheduler: str, **call: object) -> dict[str, object]:
    return {"scheduler": scheduler, "num_images_per_prompt": COUNT, "generator": generators(), **call}


def drawn(folders: Folders, store: WeightStore, scheduler: str, latent: Latent, denoise: float, pair=None) -> Latent:
    base = load_base_model("small", folders)
    model, pair = swap_scheduler(base.model, scheduler), pair or told(base, store)
    return sampler(model, *pair, latent, 3, 5, 6.0, denoise, seeds="each", store=store)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_from_a_picture(small_folders, small_store, scheduler):
    base = load_base_model("small", small_folders)
    latent = repeat_latent_batch(vae_encode(picture(), base.vae, store=small_store), COUNT)
    ours = vae_decode(drawn(small_folders, small_store, scheduler, latent, 0.6), base.vae, store=small_store)
    call = several(scheduler, image=channels_first(picture()), strength=0.6)
    theirs = reference("StableDiffusionImg2ImgPipeline", base, small_folders, torch.float32, **call)
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours[0], ours[1])


def test_each_picture_of_a_batch_has_its_seed(small_folders, small_store):
    """Alone it is the same but for the last bits; a batch of pictures goes through the autoencoder together."""
    base = load_base_model("small", small_folders)
    pictures = Image(torch.cat([picture(seed) for seed in range(COUNT)]))
    whole = drawn(small_folders, small_store, "unipc", vae_encode(pictures, base.vae, store=small_store), 0.6)
    last = vae_encode(picture(COUNT - 1), base.vae, store=small_store)
    alone = sampler(
        swap_scheduler(base.model, "unipc"), *told(base, small_store), last, 3 + COUNT - 1, 5, 6.0, 0.6, seeds="each",
        store=small_store,
    )  # fmt: skip
    torch.testing.assert_close(whole["samples"][COUNT - 1 :], alone["samples"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_hole_in_a_picture(small_folders, small_store, strength):
    base = load_base_model("small", small_folders)
    encoded = set_latent_noise_mask(vae_encode(picture(), base.vae, store=small_store), mask())
    latent = repeat_latent_batch(encoded, COUNT)
    ours = vae_decode(drawn(small_folders, small_store, "unipc", latent, strength), base.vae, store=small_store)
    call = several(
        "unipc", image=repeated(picture()), mask_image=mask_as_pillow(), strength=strength, height=64, width=64
    )
    theirs = reference("StableDiffusionInpaintPipeline", base, small_folders, torch.float32, **call)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_hole_that_a_model_for_inpainting_is_told_of(nine, strength):
    store, base = WeightStore(nine), load_base_model("small", nine)
    found = inpaint_model_conditioning(*told(base, store), base.vae, picture(), mask(), store=store)
    around = repeat_latent_batch(found.positive.conditions[0].hole.around, COUNT)
    pair = tuple(_around(one, around) for one in found[:2])
    latent = repeat_latent_batch(found.latent, COUNT)
    ours = vae_decode(drawn(nine, store, "unipc", latent, strength, pair), base.vae, store=store)
    call = several(
        "unipc", image=repeated(picture()), mask_image=mask_as_pillow(), strength=strength, height=64, width=64
    )
    theirs = reference("StableDiffusionInpaintPipeline", base, nine, torch.float32, **call)
    assert torch.equal(ours, theirs)


def _around(conditioning, around: Latent):
    return conditioning.map(lambda one: replace(one, hole=replace(one.hole, around=around)))


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("sd3_batches")
    saved_sd3_folder.save(root / "diffusers/three")
    return Folders(models=(root,))


@pytest.mark.parametrize("inpainted", [False, True])
def test_sd3_from_a_picture_and_with_a_hole(flows, inpainted):
    store, base = WeightStore(flows), load_base_model("three", flows)
    encoded = vae_encode(picture(), base.vae, store=store)
    latent = repeat_latent_batch(set_latent_noise_mask(encoded, mask()) if inpainted else encoded, COUNT)
    ours = sampler(
        base.model, *told(base, store), latent, 3, three.STEPS, 6.0, 0.6, seeds="each", store=store
    )["samples"]  # fmt: skip
    kind = "StableDiffusion3InpaintPipeline" if inpainted else "StableDiffusion3Img2ImgPipeline"
    pipe = three.pipeline(kind, flows)
    pipe.image_processor.postprocess = lambda image, **_: image
    call = {**three.CALL, "image": repeated(picture()), "strength": 0.6, "output_type": "latent"}
    call |= {"mask_image": mask_as_pillow()} if inpainted else {}
    theirs = pipe(
        three.PROMPT, height=64, width=64, generator=generators(), num_images_per_prompt=COUNT, **call
    ).images  # fmt: skip
    assert torch.equal(ours, theirs / saved_sd3_folder.SCALE + saved_sd3_folder.SHIFT)
