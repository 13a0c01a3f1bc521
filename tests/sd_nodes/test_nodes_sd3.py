"""SD3: single files as diffusers converts them, and runs as its pipeline makes them."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.flow import FlowLevels
from sd_nodes.diffusion.k.schedules import scheduled
from sd_nodes.flow_tweaks import model_sampling_sd3, skip_layer_guidance_sd3
from sd_nodes.k_samplers import ksampler
from sd_nodes.latents import empty_sd3_latent_image, vae_decode, vae_encode
from sd_nodes.loaders import Checkpoint, checkpoint_loader_simple, vae_loader
from sd_nodes.sd3_prompts import clip_text_encode_sd3, t5_tokenizer_options
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Clip, Condition, Conditioning, Image, Model
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original
from tests.sd_nodes import saved_sd3 as saved

STEPS = 4


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("sd3")
    parts = (saved.transformer(), saved.vae(), saved.text_encoders())
    original.write(root / "checkpoints/three.safetensors", *parts)
    original.write(root / "checkpoints/whole.safetensors", *parts, saved.t5())
    eight = root / "checkpoints/eight.safetensors"
    save_file(in_eight_bits({name: tensor.half() for part in parts for name, tensor in part.items()}), eight)
    bare = {name.removeprefix("first_stage_model."): tensor for name, tensor in saved.vae().items()}
    original.write(root / "vae/alone.safetensors", bare)
    letters = {"model": {"type": "Unigram", "unk_id": 2, "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]}}
    letters["model"]["vocab"] += [[chr(code), -1.0] for code in range(33, 127)]
    (root / "checkpoints/t5_tokenizer").mkdir()
    told = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None}
    (root / "checkpoints/t5_tokenizer/tokenizer.json").write_text(
        json.dumps({**told, "truncation": None, "padding": None, "decoder": None, **letters})
    )
    return Folders(models=(root,))


def in_eight_bits(tensors: saved.Tensors) -> saved.Tensors:
    """Store the large weights of the transformer in 8 bits, each with a factor of its own."""
    found: saved.Tensors = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for name, tensor in tensors.items():
        if name.endswith("mlp.fc1.weight"):
            factor = tensor.float().abs().max() / 448
            found[name] = (tensor.float() / factor).to(torch.float8_e4m3fn)
            found[name.removesuffix("weight") + "scale_weight"] = factor
        else:
            found[name] = tensor
    return found


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def parts(folders: Folders) -> Checkpoint:
    return checkpoint_loader_simple("three", folders)


def prompts() -> tuple[Conditioning, Conditioning]:
    generator = torch.Generator().manual_seed(5)
    states, pooled = torch.randn(2, 1, 7, saved.TEXT, generator=generator), torch.randn(2, 1, 112, generator=generator)
    first, second = (Conditioning((Condition(*pair),), "sd3") for pair in zip(states, pooled, strict=True))
    return first, second


def test_a_single_file_is_what_diffusers_converts_it_to(parts: Checkpoint, store: WeightStore) -> None:
    tensors = {name: tensor.half().float() for name, tensor in saved.transformer().items()}
    expected = convert_sd3_transformer_checkpoint_to_diffusers(tensors)
    assert parts.MODEL.family == "sd3"
    with store.unet(parts.MODEL) as transformer:
        found = transformer.state_dict()
        assert transformer.config.dual_attention_layers == (0,)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_weights_in_eight_bits_are_multiplied_by_their_factor(folders: Folders, store: WeightStore) -> None:
    with store.unet(checkpoint_loader_simple("eight", folders).MODEL) as rounded:
        found = dict(rounded.state_dict())
    with store.unet(checkpoint_loader_simple("three", folders).MODEL) as whole:
        for name, tensor in whole.state_dict().items():
            torch.testing.assert_close(found[name], tensor, rtol=0.07, atol=1e-3)


def test_noise_levels_are_those_of_the_scheduler() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    torch.testing.assert_close(FlowLevels(3.0).sigmas.flip(0), scheduler.sigmas, rtol=1e-6, atol=1e-6)
    assert FlowLevels(3.0).at_percent(0.5) == pytest.approx(3 * 0.5 / (1 + 2 * 0.5))


def theirs(transformer: SD3Transformer2DModel, seed: int, shift: float, cfg: float) -> torch.Tensor:
    """What diffusers' pipeline draws from our start noise over our noise levels."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    vae = SimpleNamespace(config=SimpleNamespace(block_out_channels=[1] * 4, scaling_factor=1.0, shift_factor=0.0))
    pipeline = StableDiffusion3Pipeline(transformer, scheduler, None, None, None, None, None, None, None)
    pipeline.vae = vae
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = (one.conditions[0] for one in prompts())
    noise = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(seed))
    return pipeline(
        prompt_embeds=positive.embedding, pooled_prompt_embeds=positive.pooled,
        negative_prompt_embeds=negative.embedding, negative_pooled_prompt_embeds=negative.pooled,
        sigmas=scheduled("simple", FlowLevels(shift), STEPS)[:-1], num_inference_steps=STEPS, guidance_scale=cfg,
        latents=noise, height=64, width=64, output_type="latent",
    ).images  # fmt: skip


def drawn(model: Model, store: WeightStore, sampler: str = "euler", cfg: float = 4.0) -> torch.Tensor:
    positive, negative = prompts()
    return ksampler(
        model, seed=9, steps=STEPS, cfg=cfg, sampler_name=sampler, scheduler="simple", positive=positive,
        negative=negative, latent_image=empty_sd3_latent_image(64, 64), store=store,
    )["samples"]  # fmt: skip


@pytest.mark.parametrize("shift", [3.0, 1.5])
def test_a_run_is_that_of_the_pipeline(shift: float, parts: Checkpoint, store: WeightStore) -> None:
    model = parts.MODEL if shift == 3.0 else model_sampling_sd3(parts.MODEL, shift)
    with store.unet(parts.MODEL) as transformer:
        expected = theirs(transformer, 9, shift, 4.0)
    found = (drawn(model, store) - 0.0609) * 1.5305
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m", "heun", "lcm"])
def test_other_samplers_draw_too(sampler: str, parts: Checkpoint, store: WeightStore) -> None:
    assert drawn(parts.MODEL, store, sampler).isfinite().all()


def test_samplers_with_the_noise_of_diffusion_are_refused(parts: Checkpoint, store: WeightStore) -> None:
    with pytest.raises(SettingError, match="dpmpp_sde adds noise as diffusion models have it"):
        drawn(parts.MODEL, store, "dpmpp_sde")


def test_both_encoders_of_clip_stand_side_by_side(parts: Checkpoint, store: WeightStore) -> None:
    """64 of each, filled up to the width of T5; and what both say as a whole one behind the other."""
    assert parts.CLIP.skip == 1
    found = clip_text_encode("a cat", parts.CLIP, store=store).conditions[0]
    assert found.embedding.shape == (1, 77, 4096) and not found.embedding[..., 128:].any()
    assert found.pooled is not None and found.pooled.shape == (1, 64 + 48)
    for number, one in enumerate(parts.CLIP.encoders):
        with store.text_encoder(one) as (tokenizer, encoder):
            ids = tokenizer("a cat", padding="max_length", return_tensors="pt").input_ids
            hidden = encoder(ids, output_hidden_states=True).hidden_states[-2]
        torch.testing.assert_close(found.embedding[..., 64 * number : 64 * (number + 1)], hidden)


def test_t5_stands_behind_them(folders: Folders, store: WeightStore) -> None:
    clip = checkpoint_loader_simple("whole", folders).CLIP
    assert [one.source.part for one in clip.encoders] == ["text_encoder", "text_encoder_2", "text_encoder_3"]
    found = clip_text_encode("cat", clip, store=store).conditions[0].embedding
    assert found.shape == (1, 77 + 77, saved.TEXT)
    with store.text_encoder(clip.encoders[2]) as (tokenizer, encoder):
        ids = tokenizer("cat").input_ids
        assert ids == [3 + ord(letter) - 33 for letter in "cat"]
        expected = encoder(torch.tensor([[*ids, 1, *[0] * (77 - 4)]])).last_hidden_state
    torch.testing.assert_close(found[:, 77:], expected)
    alone = clip_text_encode_sd3(clip, "", "", "cat", store=store).conditions[0]
    torch.testing.assert_close(alone.embedding, expected)
    assert alone.pooled is not None and not alone.pooled.any()


@pytest.mark.parametrize(
    "place", ["models/checkpoints/sd 3/t5_tokenizer", "models/text_encoders/t5_tokenizer", "disk/clip/t5_tokenizer"]
)
def test_another_tokenizer_makes_t5_another_recipe(folders: Folders, tmp_path: Path, place: str) -> None:
    """Where the tokenizer comes, or changes, what T5 reads is not taken from the cache or the weight store.

    It lies beside the encoder, or where it is fetched to, in any of the models folders.
    """
    models, written = tmp_path / "models", folders.models[0] / "checkpoints/t5_tokenizer/tokenizer.json"
    (models / "checkpoints/sd 3").mkdir(parents=True)
    shutil.copy(folders.models[0] / "checkpoints/whole.safetensors", models / "checkpoints/sd 3")
    there, path = Folders(models=(models, tmp_path / "disk")), tmp_path / place / "tokenizer.json"
    store = WeightStore(there)
    found = []
    for text in (None, written.read_text(), written.read_text().replace('"a"', '"\u00e4"')):
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        clip = checkpoint_loader_simple("sd 3/whole", there).CLIP
        with store.text_encoder(clip.encoders[2]) as (tokenizer, _):
            found.append((clip, tokenizer and tokenizer("a").input_ids))
    (bare, none), (first, known), (second, unknown) = found
    assert none is None and known == [3 + ord("a") - 33] and unknown == [2]
    assert len({clip.encoders[2] for clip in (bare, first, second)}) == 3
    assert first.encoders[:2] == second.encoders[:2]
    assert {clip.source.digest for clip in first.encoders[:2]} == {bare.encoders[2].source.digest}


def test_weights_move_what_t5_says_away_from_nothing(folders: Folders, store: WeightStore) -> None:
    clip = checkpoint_loader_simple("whole", folders).CLIP
    plain, louder = (
        clip_text_encode_sd3(clip, "", "", text, store=store).conditions[0].embedding for text in ("a", "(a:1.5)")
    )
    with store.text_encoder(clip.encoders[2]) as (_, encoder):
        empty = encoder(torch.tensor([[1, *[0] * 76]])).last_hidden_state
    torch.testing.assert_close(louder[:, 0], empty[:, 0] + (plain[:, 0] - empty[:, 0]) * 1.5, rtol=1e-4, atol=1e-5)


def test_latents_of_sixteen_channels_go_through_the_autoencoder(folders: Folders, store: WeightStore) -> None:
    vae = vae_loader("alone", folders)
    latent = vae_encode(Image(torch.rand(1, 32, 32, 3)), vae, store=store)
    assert latent["samples"].shape == (1, 16, 16, 16)
    assert vae_decode(latent, vae, store=store).shape == (1, 32, 32, 3)


def test_a_prompt_of_another_family_is_told(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    with pytest.raises(NodeError, match="needs those of SD3"):
        other = parts.CLIP.__class__(parts.CLIP.source, "sd1")
        clip_text_encode_sd3(other, "a", "a", "a", store=store)


def test_t5_is_told_so_much(folders: Folders, store: WeightStore) -> None:
    clip = checkpoint_loader_simple("whole", folders).CLIP

    def tokens(told: Clip) -> int:
        return clip_text_encode_sd3(told, "", "", "cat", store=store).conditions[0].embedding.shape[1]

    assert [tokens(t5_tokenizer_options(clip, *given)) for given in ((0, 0), (5, 0), (5, 50))] == [4, 9, 50]
    three = checkpoint_loader_simple("three", folders).CLIP
    assert t5_tokenizer_options(three, 1, 500) == three


def test_skipped_layers_lead_away_between_two_levels(parts: Checkpoint, store: WeightStore) -> None:
    """One step without a negative prompt: the prediction, and how far it is from that without a block."""
    model = skip_layer_guidance_sd3(parts.MODEL, "1", 2.0, 0.0, 1.0)
    late = skip_layer_guidance_sd3(parts.MODEL, "1", 2.0, 0.5, 1.0)
    condition = prompts()[0].conditions[0]
    noise = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(9))
    timestep = torch.full((1,), 1000.0)
    with store.unet(parts.MODEL) as transformer:
        whole, less = (
            transformer(
                noise, condition.embedding, condition.pooled, timestep, skip_layers=skip, return_dict=False
            )[0]
            for skip in (None, [1])
        )  # fmt: skip
    given = {"seed": 9, "steps": 1, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "store": store}
    given |= {"positive": prompts()[0], "negative": prompts()[1], "latent_image": empty_sd3_latent_image(64, 64)}
    found, unled, plain = (ksampler(one, **given)["samples"] for one in (model, late, parts.MODEL))
    expected = noise - (whole + 2.0 * (whole - less))
    torch.testing.assert_close((found - 0.0609) * 1.5305, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(unled, plain)
    assert skip_layer_guidance_sd3(parts.MODEL, "none") == parts.MODEL
