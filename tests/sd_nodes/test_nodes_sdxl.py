"""SDXL through the same sampler, against diffusers' own pipelines on the same weights."""

from pathlib import Path

import diffusers
import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.conditionings import clip_set_last_layer
from sd_nodes.controlnet import controlnet_apply_advanced
from sd_nodes.latents import empty_latent_image, vae_decode, vae_encode
from sd_nodes.loaders import controlnet_loader, load_base_model
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.sdxl import clip_text_encode_sdxl, clip_text_encode_sdxl_refiner, sdxl_sizes
from sd_nodes.telling import told as told_of
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Image
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_models, saved_sdxl
from tests.sd_nodes.test_nodes_sampling import NEGATIVE, PROMPT, as_pillow, channels_first, picture

CALL = {"negative_prompt": NEGATIVE, "num_inference_steps": 4, "guidance_scale": 6.0, "output_type": "np"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("xl")
    saved_sdxl.save_base(root / "diffusers/xl")
    saved_sdxl.save_base(root / "diffusers/refiner", refiner=True)
    saved_sdxl.save_controlnet(root / "controlnet/xl-canny")
    saved_models.save_base(root / "diffusers/small")
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


def told(base, store):
    return clip_text_encode(PROMPT, base.clip, store=store), clip_text_encode(NEGATIVE, base.clip, store=store)


def theirs(kind: str, folder: Path, net: Path | None = None, **call: object) -> Image:
    more = {"controlnet": diffusers.ControlNetModel.from_pretrained(net)} if net else {}
    pipe = getattr(diffusers, kind).from_pretrained(folder, add_watermarker=False, **more)
    pipe.set_progress_bar_config(disable=True)
    return Image(torch.from_numpy(pipe(PROMPT, generator=torch.Generator().manual_seed(3), **CALL, **call).images))


def ours(base, store, pair, latent, denoise=1.0):
    return vae_decode(sampler(base.model, *pair, latent, 3, 4, 6.0, denoise, store=store), base.vae, store=store)


def test_from_text_it_is_diffusers_to_the_bit(folders, store):
    base = load_base_model("xl", folders)
    drawn = ours(base, store, told(base, store), empty_latent_image(64, 64))
    reference = theirs("StableDiffusionXLPipeline", folders.models[0] / "diffusers/xl", height=64, width=64)
    assert torch.equal(drawn, reference)


def test_two_prompts_and_sizes_are_told(folders, store):
    base = load_base_model("xl", folders)
    sizes = {"width": 96, "height": 80, "crop_w": 8, "crop_h": 16, "target_width": 48, "target_height": 40}
    positive = clip_text_encode_sdxl(base.clip, **sizes, text_l=PROMPT, text_g="a dog", store=store)
    negative = clip_text_encode_sdxl(base.clip, **sizes, text_l=NEGATIVE, text_g=NEGATIVE, store=store)
    drawn = ours(base, store, (positive, negative), empty_latent_image(64, 64))
    reference = theirs(
        "StableDiffusionXLPipeline", folders.models[0] / "diffusers/xl", height=64, width=64, prompt_2="a dog",
        original_size=(80, 96), crops_coords_top_left=(16, 8), target_size=(40, 48),
    )  # fmt: skip
    assert torch.equal(drawn, reference)
    assert not torch.equal(drawn, ours(base, store, told(base, store), empty_latent_image(64, 64)))


def test_a_target_of_nothing_is_told_as_it_is(folders, store):
    """Only where no target was set it is the picture's own size."""
    base = load_base_model("xl", folders)
    positive = clip_text_encode_sdxl(base.clip, 96, 80, 0, 0, 0, 0, text_l=PROMPT, text_g=PROMPT, store=store)
    samples = torch.zeros(1, 4, 8, 8)
    with store.unet(base.model) as unet:
        assert told_of(positive.conditions[0], unet, samples).added["time_ids"][0, -2:].tolist() == [0, 0]
        plain = clip_text_encode(PROMPT, base.clip, store=store).conditions[0]
        assert told_of(plain, unet, samples).added["time_ids"][0, -2:].tolist() == [64, 64]


def test_sizes_set_afterwards_are_those_set_with_the_prompt(folders, store):
    base = load_base_model("xl", folders)
    plain = clip_text_encode(PROMPT, base.clip, store=store)
    sized = sdxl_sizes(plain, 96, 80, 8, 16, 48, 40).conditions[0].framing
    assert sized == clip_text_encode_sdxl(base.clip, 96, 80, 8, 16, 48, 40, store=store).conditions[0].framing


def test_the_layer_that_is_read_is_set_for_both_encoders(folders, store):
    base = load_base_model("xl", folders)
    positive = clip_text_encode(PROMPT, clip_set_last_layer(base.clip, -1), store=store)
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(folders.models[0] / "diffusers/xl")
    encoder, tokenizer = pipe.text_encoder_2, pipe.tokenizer_2
    ids = tokenizer(PROMPT, padding="max_length", max_length=77, return_tensors="pt").input_ids
    last = encoder(ids, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(positive.conditions[0].embedding[..., 32:], last)
    assert not torch.equal(
        positive.conditions[0].embedding[..., :32], told(base, store)[0].conditions[0].embedding[..., :32]
    )
    assert torch.equal(positive.conditions[0].pooled, encoder(ids).text_embeds)


def test_the_shorter_of_two_prompts_is_filled_up(folders, store):
    """Nothing of the longer one is lost; empty windows stand beside its rest."""
    base = load_base_model("xl", folders)

    def states(text_l: str, text_g: str) -> torch.Tensor:
        told = clip_text_encode_sdxl(base.clip, text_l=text_l, text_g=text_g, store=store)
        return told.conditions[0].embedding

    long, empty = "abc " * 40, states("", "")
    for both in (states(long, "a dog"), states("a dog", long)):
        assert both.shape == (1, 2 * 77, 72)
    alone = states(long, long)
    assert torch.equal(states(long, "a dog")[..., :32], alone[..., :32])
    assert torch.equal(states("a dog", long)[..., 32:], alone[..., 32:])
    assert torch.equal(states(long, "a dog")[:, 77:, 32:], empty[..., 32:])


@pytest.mark.parametrize(
    "scheduler", ["EulerDiscreteScheduler", "HeunDiscreteScheduler", "DPMSolverMultistepScheduler"]
)
def test_base_and_refiner_split_the_noise_as_diffusers_does_to_the_bit(folders, store, scheduler):
    """The base ends with noise left, the refiner goes on from there."""
    base, refiner = (load_base_model(name, folders) for name in ("xl", "refiner"))
    root, call = folders.models[0] / "diffusers", {**CALL, "num_inference_steps": 7}
    pair = told(base, store)
    first = swap_scheduler(base.model, scheduler)
    left = sampler(first, *pair, empty_latent_image(64, 64), 3, 7, 6.0, end=0.6, store=store)
    second = swap_scheduler(refiner.model, scheduler)
    ours = sampler(second, *told(refiner, store), left, 3, 7, 6.0, start=0.6, store=store)

    pipes = [
        diffusers.StableDiffusionXLPipeline.from_pretrained(root / "xl", add_watermarker=False),
        diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(root / "refiner", add_watermarker=False),
    ]
    for pipe in pipes:
        pipe.scheduler = getattr(diffusers, scheduler).from_config(pipe.scheduler.config)
        pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    noisy = pipes[0](
        PROMPT, height=64, width=64, generator=generator, denoising_end=0.6, **{**call, "output_type": "latent"}
    ).images  # fmt: skip
    generator = torch.Generator().manual_seed(3)
    theirs = pipes[1](PROMPT, image=noisy, generator=generator, denoising_start=0.6, **call).images
    assert torch.equal(vae_decode(ours, refiner.vae, store=store), torch.from_numpy(theirs))
    assert left["samples"].dtype == torch.float64 and ours["samples"].dtype == torch.float32


def test_a_run_that_ends_before_it_starts_is_refused(folders, store):
    base = load_base_model("xl", folders)
    with pytest.raises(NodeError, match=r"0\.6 to 0\.5: it ends before it starts"):
        sampler(base.model, *told(base, store), empty_latent_image(64, 64), start=0.6, end=0.5, store=store)


@pytest.mark.parametrize("steps", [1, 3])
def test_turbo_is_diffusers_to_the_bit(folders, store, steps):
    """Turbo is drawn without guidance, from the end of each stretch of timesteps, in one step or few."""
    base = load_base_model("xl", folders)
    turbo = swap_scheduler(base.model, "EulerAncestralDiscreteScheduler", more='{"timestep_spacing": "trailing"}')
    latents = sampler(turbo, *told(base, store), empty_latent_image(64, 64), 3, steps, 0.0, store=store)
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(
        folders.models[0] / "diffusers/xl", add_watermarker=False
    )
    pipe.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="trailing"
    )
    pipe.set_progress_bar_config(disable=True)
    call = {**CALL, "num_inference_steps": steps, "guidance_scale": 0.0}
    theirs = pipe(PROMPT, height=64, width=64, generator=torch.Generator().manual_seed(3), **call).images
    assert torch.equal(vae_decode(latents, base.vae, store=store), torch.from_numpy(theirs))


def test_with_a_controlnet_it_is_diffusers_to_the_bit(folders, store):
    base = load_base_model("xl", folders)
    net = controlnet_loader("xl-canny", folders)
    pair = controlnet_apply_advanced(*told(base, store), net, picture(1), 0.8, 0.0, 0.5)
    root = folders.models[0]
    reference = theirs(
        "StableDiffusionXLControlNetPipeline", root / "diffusers/xl", root / "controlnet/xl-canny",
        image=as_pillow(picture(1)), controlnet_conditioning_scale=0.8, control_guidance_end=0.5,
    )  # fmt: skip
    assert torch.equal(ours(base, store, pair, empty_latent_image(64, 64)), reference)


def test_from_a_picture_it_is_diffusers_to_the_bit(folders, store):
    base = load_base_model("xl", folders)
    latent = vae_encode(picture(), base.vae, store=store)
    reference = theirs(
        "StableDiffusionXLImg2ImgPipeline", folders.models[0] / "diffusers/xl", image=channels_first(picture()),
        strength=0.6,
    )  # fmt: skip
    assert torch.equal(ours(base, store, told(base, store), latent, 0.6), reference)


def test_the_refiner_is_told_beauty_and_is_diffusers_to_the_bit(folders, store):
    base = load_base_model("refiner", folders)
    latent = vae_encode(picture(), base.vae, store=store)
    reference = theirs(
        "StableDiffusionXLImg2ImgPipeline", folders.models[0] / "diffusers/refiner", image=channels_first(picture()),
        strength=0.6,
    )  # fmt: skip
    assert torch.equal(ours(base, store, told(base, store), latent, 0.6), reference)
    scored = (
        clip_text_encode_sdxl_refiner(base.clip, 6.0, 64, 64, PROMPT, store=store),
        clip_text_encode_sdxl_refiner(base.clip, 2.5, 64, 64, NEGATIVE, store=store),
    )
    assert torch.equal(ours(base, store, scored, latent, 0.6), reference)


def test_prompts_of_another_family_are_refused(folders, store):
    base, small = (load_base_model(name, folders) for name in ("xl", "small"))
    with pytest.raises(NodeError, match="one text encoder"):
        clip_text_encode_sdxl(small.clip, store=store)
    with pytest.raises(ValueError, match="pooled vector"):
        ours(base, store, told(small, store), empty_latent_image(64, 64))
