"""Pictures as prompts, against transformers' CLIP and the noise augmentation of diffusers' unCLIP pipeline."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler, StableUnCLIPImg2ImgPipeline
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from graph_runtime import Folders, NodeError
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.unclip import MERGED, Glance, Normalizer, noisy, told_pictures
from sd_nodes.diffusion.vision import prepared
from sd_nodes.k_samplers import ksampler
from sd_nodes.novel_views import stable_zero123_conditioning, stable_zero123_conditioning_batched
from sd_nodes.types import ClipVisionOutput, Condition, Conditioning, Image, Latent
from sd_nodes.vision import (
    clip_vision_encode,
    clip_vision_loader,
    image_only_checkpoint_loader,
    unclip_checkpoint_loader,
    unclip_conditioning,
)
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_seers
from tests.sd_nodes import original_checkpoints as original

PREFIX = "embedder.model.visual."
PICTURE = Image(torch.rand(1, 40, 56, 3, generator=torch.Generator().manual_seed(0)))


def seer() -> CLIPVisionModelWithProjection:
    torch.manual_seed(4)
    config = CLIPVisionConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=1, image_size=32, patch_size=8,
        projection_dim=24, hidden_act="quick_gelu",
    )  # fmt: skip
    return models.ready(CLIPVisionModelWithProjection(config))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("seers")
    (root / "clip_vision").mkdir()
    save_file(seer().state_dict(), root / "clip_vision/alone.safetensors")
    save_file(saved_seers.seer(), root / "clip_vision/open.safetensors")
    original.write(
        root / "checkpoints/unclip.safetensors",
        original.unet(context=1024, told=96), original.vae(), saved_seers.seer(PREFIX), saved_seers.normalizer(),
        original.open_clip("cond_stage_model.model.", layers=3),
    )  # fmt: skip
    original.write(
        root / "checkpoints/views.safetensors",
        original.unet(channels=8), original.vae(), saved_seers.seer("cond_stage_model.model.visual.", projection=768),
        saved_seers.camera_projection(),
    )  # fmt: skip
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


def encoded(value: float) -> ClipVisionOutput:
    states = torch.zeros(1, 2, 4)
    return ClipVisionOutput(torch.full((1, 48), value), states, states)


def test_pictures_are_seen_as_transformers_sees_them(folders: Folders, store: WeightStore) -> None:
    network, pixels = seer(), prepared(PICTURE, 32, crop=True)
    expected = network(pixels, output_hidden_states=True)
    found = clip_vision_encode(clip_vision_loader("alone", folders), PICTURE, store=store)
    torch.testing.assert_close(found.embeds, expected.image_embeds)
    torch.testing.assert_close(found.last, expected.last_hidden_state)
    torch.testing.assert_close(found.penultimate, expected.hidden_states[-2])


def test_pictures_are_cropped_or_squeezed() -> None:
    """A picture with a bright edge: the square in the middle does not see it."""
    picture = torch.zeros(1, 32, 64, 3)
    picture[:, :, :12] = 1.0
    middle, whole = (prepared(picture, 32, crop)[0, 0, 16] for crop in (True, False))
    assert middle.max() == middle.min() and whole[2] > whole[-1]


def test_openclip_layers_have_their_places(folders: Folders, store: WeightStore) -> None:
    """Query, key and value lie in one tensor there, and the projection lies turned."""
    tensors = saved_seers.seer()
    with store.module(clip_vision_loader("open", folders)) as network:
        layer = network.vision_model.encoder.layers[1].self_attn
        joined = torch.cat([layer.q_proj.weight, layer.k_proj.weight, layer.v_proj.weight])
        assert torch.equal(joined, tensors["visual.transformer.resblocks.1.attn.in_proj_weight"])
        assert torch.equal(network.visual_projection.weight, tensors["visual.proj"].T)
        assert network.config.image_size == 32


@pytest.mark.parametrize(("part", "level"), [(0.0, 0), (0.3, 300), (1.0, 999)])
def test_noise_is_added_as_the_pipeline_adds_it(part: float, level: int) -> None:
    """Diffusers draws the noise itself: it is given the one that our seed draws."""
    embeds = torch.randn(1, 48, generator=torch.Generator().manual_seed(1))
    pair = list(saved_seers.normalizer().values())
    normalizer = StableUnCLIPImageNormalizer(48)
    normalizer.load_state_dict({"mean": pair[0], "std": pair[1]})
    pipeline = SimpleNamespace(
        image_normalizer=normalizer.requires_grad_(False),
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2", num_train_timesteps=1000),
    )
    noise = torch.randn(1, 48, generator=torch.Generator().manual_seed(7))
    expected = StableUnCLIPImg2ImgPipeline.noise_image_embeddings(pipeline, embeds, level, noise)
    torch.testing.assert_close(noisy(embeds, part, noise, Normalizer(*pair)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("merged", [MERGED, 0.0])
def test_several_pictures_are_added_up_and_made_noisy_once_more(merged: float) -> None:
    """Each picture gets the noise that the seed draws first, the sum what the same generator draws next."""
    first, second = torch.full((1, 8), 1.0), torch.full((1, 8), -2.0)
    told = told_pictures([Glance(first, 0.5, 0.0), Glance(second, 2.0, 0.1)], seed=30, merged=merged)
    generator = torch.Generator().manual_seed(20)
    once, again = torch.randn(1, 8, generator=generator), torch.randn(1, 8, generator=generator)
    added = 0.5 * noisy(first, 0.0, once) + 2.0 * noisy(second, 0.1, once)
    assert torch.equal(told, noisy(added[:, :8], merged, again))


def drawn(name: str, store: WeightStore, *glances: ClipVisionOutput) -> torch.Tensor:
    parts = unclip_checkpoint_loader(name, store.folders)
    texts = torch.randn(2, 1, 5, 1024, generator=torch.Generator().manual_seed(2))
    positive, negative = (Conditioning((Condition(text),), "sd2") for text in texts)
    for one in glances:
        positive = unclip_conditioning(positive, one, 1.0, 0.1)
    latents: Latent = {"samples": torch.zeros(1, 4, 8, 8)}
    drawn = ksampler(
        parts.MODEL, seed=3, steps=2, cfg=3.0, positive=positive, negative=negative, latent_image=latents, store=store
    )
    return drawn["samples"]


def test_a_model_that_is_told_pictures_follows_them(folders: Folders, store: WeightStore) -> None:
    parts = unclip_checkpoint_loader("unclip", folders)
    seen = clip_vision_encode(parts.CLIP_VISION, PICTURE, store=store)
    with store.unet(parts.MODEL) as unet:
        assert unet.config.class_embed_type == "projection"
    untold, told, twice = (drawn("unclip", store, *glances) for glances in ((), (seen,), (seen, encoded(0.5))))
    assert not torch.allclose(untold, told, atol=1e-4) and not torch.allclose(told, twice, atol=1e-4)


def test_a_picture_seen_by_another_network_is_told(folders: Folders, store: WeightStore) -> None:
    other = clip_vision_encode(clip_vision_loader("alone", folders), PICTURE, store=store)
    with pytest.raises(SettingError, match="told pictures by 48 numbers each, found are 24"):
        drawn("unclip", store, other)


def test_a_view_is_drawn_beside_the_picture(folders: Folders, store: WeightStore) -> None:
    parts = image_only_checkpoint_loader("views", folders)
    views = [
        stable_zero123_conditioning(
            parts.CLIP_VISION, PICTURE, parts.VAE, 64, 32, 1, 10.0, azimuth, store=store
        )
        for azimuth in (0.0, 90.0)
    ]  # fmt: skip
    told = views[1].positive.conditions[0].embedding
    assert told.shape == (1, 1, 772)
    torch.testing.assert_close(told[0, 0, 768:], torch.tensor([-0.174533, 1.0, 0.0, 1.570796]), rtol=0, atol=1e-5)
    assert views[0].latent["samples"].shape == (1, 4, 4, 8)
    drawn = [
        ksampler(
            parts.MODEL, seed=1, steps=2, cfg=4.0, positive=view.positive, negative=view.negative,
            latent_image=view.latent, store=store,
        )["samples"]
        for view in views
    ]  # fmt: skip
    assert not torch.allclose(*drawn, atol=1e-4)


def test_views_of_a_batch_share_their_noise(folders: Folders, store: WeightStore) -> None:
    """Each picture has its own camera, and is the one that this camera draws alone."""
    parts = image_only_checkpoint_loader("views", folders)
    places = (parts.CLIP_VISION, PICTURE, parts.VAE, 64, 32)
    batch = stable_zero123_conditioning_batched(*places, 3, 10.0, 20.0, 5.0, 30.0, store=store)
    alone = stable_zero123_conditioning(*places, 1, 20.0, 80.0, store=store)
    assert batch.latent["batch_index"] == [0, 0, 0]
    torch.testing.assert_close(batch.positive.conditions[0].embedding[2:], alone.positive.conditions[0].embedding)
    last, single = (
        ksampler(
            parts.MODEL, seed=1, steps=2, cfg=4.0, positive=view.positive, negative=view.negative,
            latent_image=view.latent, store=store,
        )["samples"][-1]
        for view in (batch, alone)
    )  # fmt: skip
    torch.testing.assert_close(last, single, rtol=1e-4, atol=1e-4)


def test_a_checkpoint_without_an_encoder_is_told(folders: Folders, tmp_path: Path) -> None:
    original.write(tmp_path / "checkpoints/one.safetensors", original.unet(), original.vae(), original.text_encoder())
    with pytest.raises(NodeError, match="“one” has no image_encoder"):
        unclip_checkpoint_loader("one", Folders(models=(tmp_path,)))
    with pytest.raises(NodeError, match="“views” reads no text"):
        unclip_checkpoint_loader("views", folders)
