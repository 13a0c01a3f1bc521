"""ControlNets with masks and in guess mode, and ways of guiding, against diffusers' own pipelines."""

import shutil

import pytest
import torch
from diffusers import UNet2DConditionModel

from graph_runtime import Folders, NodeError
from sd_nodes.controlnet import controlnet_apply_advanced, controlnet_apply_masked
from sd_nodes.guidance_methods import (
    adaptive_projected_guidance,
    adaptive_projected_mix,
    auto_guidance,
    guidance_window,
    magnitude_aware_guidance,
    skip_layer_guidance,
    smoothed_energy_guidance,
    tangential_guidance,
    zero_star_guidance,
)
from sd_nodes.guidance_tweaks import perturbed_attention_guidance, rescale_cfg
from sd_nodes.k_samplers import ksampler
from sd_nodes.latents import empty_latent_image, vae_decode
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.steering import fitted
from sd_nodes.types import Image, Mask
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models
from tests.sd_nodes.test_nodes_sampling import as_pillow, picture, reference, told


@pytest.fixture
def base(small_folders: Folders) -> BaseModel:
    return load_base_model("small", small_folders)


def left() -> Mask:
    mask = torch.zeros(1, 64, 64)
    mask[..., :32] = 1.0
    return Mask(mask)


def drawn(base, store, pair, **more) -> Image:
    model = swap_scheduler(base.model, "unipc")
    latents = sampler(model, *pair, empty_latent_image(64, 64), 3, 5, 6.0, store=store, **more)
    return vae_decode(latents, base.vae, store=store)


def test_guess_mode_is_diffusers_to_the_bit(base, small_folders, small_store):
    net = controlnet_loader("small-canny", small_folders)
    pair = controlnet_apply_masked(*told(base, small_store), net, picture(1), 0.8, 0.0, 0.5, guess=True)
    theirs = reference(
        "StableDiffusionControlNetPipeline", base, small_folders, torch.float32, "small-canny",
        image=as_pillow(picture(1)), controlnet_conditioning_scale=0.8, control_guidance_end=0.5, guess_mode=True,
    )  # fmt: skip
    ours = drawn(base, small_store, pair)
    assert torch.equal(ours, theirs)
    plain = controlnet_apply_advanced(*told(base, small_store), net, picture(1), 0.8, 0.0, 0.5)
    assert not torch.equal(ours, drawn(base, small_store, plain))


def test_without_mask_and_guess_it_is_the_plain_node(base, small_folders, small_store):
    net = controlnet_loader("small-canny", small_folders)
    plain = controlnet_apply_advanced(*told(base, small_store), net, picture(1), 0.8)
    masked = controlnet_apply_masked(*told(base, small_store), net, picture(1), 0.8)
    everywhere = controlnet_apply_masked(*told(base, small_store), net, picture(1), 0.8, mask=Mask(torch.ones(1, 9, 9)))
    expected = drawn(base, small_store, plain)
    assert torch.equal(drawn(base, small_store, masked), expected)
    assert torch.equal(drawn(base, small_store, everywhere), expected)


def test_two_controlnets_each_in_its_own_half(base, small_folders, small_store):
    """One ControlNet in the left half and in the right half is that ControlNet; two make another picture."""
    canny, depth = (controlnet_loader(name, small_folders) for name in ("small-canny", "small-depth"))
    right = Mask(1 - left())

    def steered(first, second) -> Image:
        pair = controlnet_apply_masked(*told(base, small_store), first, picture(1), mask=left())
        return drawn(base, small_store, controlnet_apply_masked(*pair, second, picture(1), mask=right))

    whole = drawn(base, small_store, controlnet_apply_masked(*told(base, small_store), canny, picture(1)))
    torch.testing.assert_close(steered(canny, canny), whole, atol=1e-4, rtol=1e-4)
    assert (steered(canny, depth) - whole).abs().max() > 0.01


def test_masks_and_guess_mode_reach_samplers_over_noise_levels(base, small_folders, small_store):
    net = controlnet_loader("small-canny", small_folders)
    latent = empty_latent_image(64, 64, 2)

    def over_levels(**more) -> torch.Tensor:
        positive, negative = controlnet_apply_masked(*told(base, small_store), net, picture(1), **more)
        common = {"positive": positive, "negative": negative, "latent_image": latent, "store": small_store}
        return ksampler(base.model, seed=1, steps=2, cfg=5.0, **common)["samples"]

    whole = over_levels()
    assert torch.equal(over_levels(mask=Mask(torch.ones(1, 64, 64))), whole)
    assert torch.equal(over_levels(mask=Mask(torch.ones(2, 64, 64))), whole)
    for changed in (over_levels(mask=left()), over_levels(guess=True)):
        assert not torch.allclose(changed, whole, atol=1e-3)


def test_other_masks_on_the_negative_side_are_refused(base, small_folders, small_store):
    net = controlnet_loader("small-canny", small_folders)
    positive, negative = told(base, small_store)
    one = controlnet_apply_masked(positive, negative, net, picture(1), mask=left())
    other = controlnet_apply_masked(positive, negative, net, picture(1))
    with pytest.raises(NodeError, match="others than those of the positive"):
        drawn(base, small_store, (one.positive, other.negative))


@pytest.mark.parametrize("start", [0.5, 0.9])
def test_an_empty_window_is_refused(base, small_folders, small_store, start):
    net = controlnet_loader("small-canny", small_folders)
    with pytest.raises(NodeError, match="ends before it starts") as problem:
        controlnet_apply_masked(*told(base, small_store), net, picture(1), start=start, end=0.5)
    assert problem.value.input == "end"


def test_holes_of_an_inpaint_map_stay_holes_in_another_size():
    """Scaled in 8 bits they would become black, and their neighbours dark."""
    image = torch.full((1, 64, 64, 3), 0.8)
    image[:, 16:48, 16:48] = -1.0
    for size in (32, 96):
        sized = fitted(Image(image), size, size)
        assert (sized[0, :, :, 0] == -1.0).sum() == (size // 2) ** 2
        torch.testing.assert_close(sized[sized >= 0], torch.full_like(sized[sized >= 0], 0.8))


def test_an_inpaint_map_of_another_size_reaches_the_controlnet_with_its_holes(base, small_folders, small_store):
    net = controlnet_loader("small-canny", small_folders)
    image = picture(1).repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    image[:, 32:96, 32:96] = -1.0
    sized = fitted(Image(image), 64, 64)
    large, small = (controlnet_apply_masked(*told(base, small_store), net, Image(one)) for one in (image, sized))
    assert torch.equal(drawn(base, small_store, large), drawn(base, small_store, small))
    black = controlnet_apply_masked(*told(base, small_store), net, Image(sized.clamp(min=0)))
    assert not torch.equal(drawn(base, small_store, black), drawn(base, small_store, small))


METHODS = [
    adaptive_projected_guidance(), adaptive_projected_guidance(0.0), adaptive_projected_mix(first=1),
    zero_star_guidance(), tangential_guidance(), magnitude_aware_guidance(), guidance_window(0.2, 0.6),
    smoothed_energy_guidance(), skip_layer_guidance(), skip_layer_guidance(2.0, tangential_guidance()),
]  # fmt: skip


def test_each_method_draws_a_picture_of_its_own(base, small_store):
    """A stronger adaptive mix is told from plain guidance, as is each window."""
    pair = told(base, small_store)
    pictures = [drawn(base, small_store, pair), *(drawn(base, small_store, pair, method=one) for one in METHODS)]
    for place, one in enumerate(pictures):
        assert one.isfinite().all()
        assert not any(torch.equal(one, other) for other in pictures[:place])


def test_a_window_keeps_the_method(base, small_store):
    method = guidance_window(0.2, 0.6, adaptive_projected_guidance())
    assert (method.name, method.start, method.end) == ("adaptive projected", 0.2, 0.6)
    with pytest.raises(NodeError, match="ends before it starts"):
        guidance_window(0.5, 0.5)


def test_perturbed_attention_guidance_is_diffusers_to_the_bit(base, small_folders, small_store):
    guided = base._replace(model=perturbed_attention_guidance(base.model, 3.0))
    ours = drawn(guided, small_store, told(base, small_store))
    theirs = reference(
        "StableDiffusionPAGPipeline", base, small_folders, torch.float32, height=64, width=64, pag_scale=3.0
    )  # fmt: skip
    assert torch.equal(ours, theirs)


@pytest.fixture
def weak(small_folders, tmp_path) -> BaseModel:
    """The small model, less trained: other weights."""
    shutil.copytree(small_folders.models[0] / "diffusers/small", tmp_path / "diffusers/weak")
    torch.manual_seed(77)
    models.ready(UNet2DConditionModel.from_config(models.unet().config)).save_pretrained(
        tmp_path / "diffusers/weak/unet"
    )
    return load_base_model("weak", Folders(models=(tmp_path,)))


def test_auto_guidance_leads_away_from_a_weaker_model(base, weak, small_folders, tmp_path):
    """Away from itself it goes nowhere, as without guidance; the negative prompt is left out."""
    store = WeightStore(Folders(models=(*small_folders.models, tmp_path)))
    pair = told(base, store)
    itself = drawn(base, store, pair, method=auto_guidance(base.model))
    torch.testing.assert_close(
        itself, drawn(base, store, pair, method=guidance_window(0.0, 0.001)), atol=1e-4, rtol=1e-4
    )
    found, plain = drawn(base, store, pair, method=auto_guidance(weak.model)), drawn(base, store, pair)
    assert found.isfinite().all() and not torch.allclose(found, plain, atol=1e-3)
    other = drawn(base, store, (pair[0], pair[0]), method=auto_guidance(weak.model))
    assert torch.equal(found, other)
    net = controlnet_loader("small-canny", small_folders)
    controlled = controlnet_apply_masked(*pair, net, picture(1), guess=True)
    assert not torch.allclose(drawn(base, store, controlled, method=auto_guidance(weak.model)), found, atol=1e-3)
    with pytest.raises(ValueError, match="choose one of them"):
        drawn(base, store, pair, method=skip_layer_guidance(2.0, auto_guidance(weak.model)))


def test_two_disturbed_models_are_refused(base, small_store):
    guided = base._replace(model=perturbed_attention_guidance(base.model, 3.0))
    with pytest.raises(NodeError, match="leads away from a disturbed model already"):
        drawn(guided, small_store, told(base, small_store), method=skip_layer_guidance())


@pytest.mark.parametrize("inner", [skip_layer_guidance, smoothed_energy_guidance])
@pytest.mark.parametrize("outer", [skip_layer_guidance, smoothed_energy_guidance])
def test_a_method_leads_away_from_one_disturbed_model(inner, outer):
    """Through other methods too; one that is turned off is none."""
    name = "skip layer" if inner is skip_layer_guidance else "smoothed energy"
    with pytest.raises(NodeError, match=f"disturbed model already, by {name} guidance"):
        outer(2.0, guidance_window(0.2, 0.6, inner(2.0)))
    assert outer(2.0, inner(0.0)) == outer(2.0)


def test_other_changes_to_a_model_are_refused(base, small_store):
    changed = base._replace(model=rescale_cfg(base.model))
    with pytest.raises(NodeError, match="followed by KSampler"):
        drawn(changed, small_store, told(base, small_store))
