"""LoRAs on recipes: what is merged is what the low-rank layers would add, and strangers are told by their headers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel

from graph_runtime import Builder, Folders, NodeError, WorkflowError, join
from sd_nodes import LIBRARY, layouts, unet_loras
from sd_nodes.latents import empty_latent_image, vae_decode
from sd_nodes.loaders import load_base_model
from sd_nodes.loras import lora_loader, lora_loader_model_only
from sd_nodes.patching import renamed
from sd_nodes.sampling import sampler
from sd_nodes.text import clip_text_encode
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_loras
from tests.sd_nodes import original_checkpoints as original

LAYERS = ("attn1.to_q", "attn2.to_k", "attn2.to_out.0", "conv1", "proj_in")
TEXT_LAYERS = ("q_proj", "fc1")
ALPHA = 1.0


@pytest.fixture(scope="module")
def shelf(small_shelf: Path) -> Path:
    """LoRAs beside the small models."""
    root = small_shelf / "loras"
    unet, text = saved_loras.of(models.unet(), LAYERS), saved_loras.of(models.text_encoder(), TEXT_LAYERS)
    texts = {f"text_model.{name}": pair for name, pair in text.items()}
    saved_loras.write(
        root / "kohya.safetensors",
        saved_loras.kohya(unet, "lora_unet_", ALPHA),
        saved_loras.kohya(texts, "lora_te_", 1),
    )
    saved_loras.write(
        root / "new.safetensors", saved_loras.diffusers(unet, "unet"), saved_loras.diffusers(texts, "text_encoder")
    )
    stranger = saved_loras.of(models.unet(cross_attention_dim=768), ("attn2.to_k",))
    saved_loras.write(root / "stranger.safetensors", saved_loras.kohya(stranger, "lora_unet_", 1))
    saved_loras.write(root / "wide.safetensors", {"lora_te2_x.lora_down.weight": torch.zeros(2, 4)})
    saved_loras.write(root / "folder/pytorch_lora_weights.safetensors", saved_loras.diffusers(unet, "unet"))
    saved_loras.write(root / "none.safetensors", {"weight": torch.zeros(2)})
    return small_shelf


@pytest.fixture
def folders(small_folders: Folders, shelf: Path) -> Folders:
    return small_folders


def with_low_rank_layers(module: torch.nn.Module, wanted: tuple[str, ...], scale: float) -> torch.nn.Module:
    """Let each layer add up(down(x)) to its output while it runs, as an adapter does."""
    for name, (down, up) in saved_loras.of(module, wanted).items():
        module.get_submodule(name).register_forward_hook(adding(down, up, scale))
    return module


def adding(down: torch.Tensor, up: torch.Tensor, scale: float):
    def hook(layer, inputs, output):
        if isinstance(layer, torch.nn.Conv2d):
            inner = torch.nn.functional.conv2d(inputs[0], down, stride=layer.stride, padding=layer.padding)
            return output + scale * torch.nn.functional.conv2d(inner, up)
        return output + scale * (inputs[0] @ down.T @ up.T)

    return hook


def predicted(unet: UNet2DConditionModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents, states = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 5, 32, generator=generator)
    with torch.no_grad():
        return unet(latents, torch.tensor(500), states).sample


@pytest.mark.parametrize(("name", "scale"), [("kohya", ALPHA / saved_loras.RANK), ("new", 1.0), ("folder", 1.0)])
def test_merged_weights_do_what_low_rank_layers_do(name, scale, folders):
    base, store = load_base_model("small", folders), WeightStore(folders)
    model = lora_loader_model_only(base.model, name, 0.7, folders=folders)
    with store.unet(model) as unet, store.unet(base.model) as plain:
        found, before = predicted(unet), predicted(plain)
        expected = predicted(with_low_rank_layers(models.ready(models.unet()), LAYERS, 0.7 * scale))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, before, atol=1e-3)
    assert store.notes(model) == ()


@pytest.mark.parametrize(("name", "scale"), [("kohya", 1 / saved_loras.RANK), ("new", 1.0)])
def test_text_encoders_are_changed_too(name, scale, folders):
    base, store = load_base_model("small", folders), WeightStore(folders)
    clip = lora_loader(base.model, base.clip, name, 1.0, -0.5, folders=folders).CLIP
    ids = torch.tensor([[188, 3, 4, 189]])
    with torch.no_grad(), store.text_encoder(clip) as (_, encoder):
        found = encoder(ids).last_hidden_state
        reference = with_low_rank_layers(models.ready(models.text_encoder()), TEXT_LAYERS, -0.5 * scale)
        expected = reference(ids).last_hidden_state
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def whole(small_shelf: Path) -> Path:
    """LoRAs on both parts of the model, at the layers that diffusers' loader knows, in both layouts."""
    root = small_shelf / "loras"
    unet = saved_loras.of(models.unet(), ("attn1.to_q", "attn2.to_k", "attn2.to_out.0", "ff.net.2"))
    text = saved_loras.of(models.text_encoder(), ("q_proj", "k_proj", "out_proj", "fc1", "fc2"))
    texts = {name if name.startswith("text_model.") else f"text_model.{name}": pair for name, pair in text.items()}
    own = saved_loras.diffusers(unet, "unet"), saved_loras.diffusers(texts, "text_encoder")
    kohya = saved_loras.kohya(unet, "lora_unet_", ALPHA), saved_loras.kohya(texts, "lora_te_", ALPHA)
    saved_loras.write(root / "whole-diffusers.safetensors", *own)
    saved_loras.write(root / "whole-kohya.safetensors", *kohya)
    return small_shelf


@pytest.mark.parametrize("layout", ["diffusers", "kohya"])
def test_diffusers_loads_the_same_lora_to_the_same_effect(layout, whole, folders):
    """Prompts and pictures agree with those of a pipeline that loads the file through peft."""
    name, strengths = f"whole-{layout}.safetensors", {"unet": 0.7, "text_encoder": 1.3}
    base, store = load_base_model("small", folders), WeightStore(folders)
    model, clip = lora_loader(base.model, base.clip, name, *strengths.values(), folders=folders)
    pipe = StableDiffusionPipeline.from_pretrained(whole / "diffusers/small", safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    plain = pipe.encode_prompt("a cat", "cpu", 1, False)[0]
    pipe.load_lora_weights(whole / "loras", weight_name=name, adapter_name="own")
    pipe.set_adapters("own", strengths)

    told, unwanted = (clip_text_encode(text, clip, store=store) for text in ("a cat", ""))
    theirs = pipe.encode_prompt("a cat", "cpu", 1, False)[0]
    torch.testing.assert_close(told.conditions[0].embedding, theirs, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(theirs, plain, atol=1e-2)
    latents = sampler(model, told, unwanted, empty_latent_image(64, 64), 3, 4, 5.0, store=store)
    ours = vae_decode(latents, base.vae, store=store)
    call = {"num_inference_steps": 4, "guidance_scale": 5.0, "height": 64, "width": 64, "output_type": "np"}
    picture = pipe("a cat", negative_prompt="", generator=torch.Generator().manual_seed(3), **call).images
    torch.testing.assert_close(ours, torch.from_numpy(picture), rtol=1e-3, atol=1e-3)


def test_two_loras_add_up_and_strength_zero_is_nothing(folders):
    base, store = load_base_model("small", folders), WeightStore(folders)
    one = lora_loader_model_only(base.model, "new", 0.25, folders=folders)
    twice = lora_loader_model_only(one, "folder", 0.5, folders=folders)
    once = lora_loader_model_only(base.model, "new", 0.75, folders=folders)
    with store.unet(twice) as both, store.unet(once) as whole:
        torch.testing.assert_close(predicted(both), predicted(whole), rtol=1e-5, atol=1e-5)
    assert lora_loader(base.model, base.clip, "new", 0.0, 0.0, folders=folders) == (base.model, base.clip)


def test_the_base_stays_as_it_is(folders):
    base, store = load_base_model("small", folders), WeightStore(folders)
    with store.unet(base.model) as plain:
        before = predicted(plain)
        with store.unet(lora_loader_model_only(base.model, "new", folders=folders)):
            assert torch.equal(predicted(plain), before)


def test_a_lora_of_another_family_is_told_before_anything_loads(folders):
    base = load_base_model("small", folders)
    with pytest.raises(NodeError, match=r"LoRA “stranger” is of the family sd1; “small” is of the family context-32"):
        lora_loader_model_only(base.model, "stranger", folders=folders)
    with pytest.raises(NodeError, match="“wide” is of the family sdxl"):
        lora_loader(base.model, base.clip, "wide", folders=folders)


def test_a_graph_with_a_lora_of_another_family_cannot_be_joined(folders):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    patched = builder.add("LoraLoader", id="style", model=base["model"], clip=base["clip"], lora_name="stranger")
    prompt = builder.add("CLIPTextEncode", text="a", clip=patched["CLIP"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    drawn = builder.add("Sampler", model=patched["MODEL"], positive=prompt, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    with pytest.raises(WorkflowError) as told:
        join(builder.workflow(), LIBRARY, folders)
    (problem,) = told.value.problems
    assert (problem.node, problem.input) == ("style", "model")
    assert "“stranger” is of the family sd1" in problem.message


def test_what_is_no_lora_or_not_there_is_told(folders):
    base = load_base_model("small", folders)
    with pytest.raises(NodeError, match="no LoRA: it holds weight"):
        lora_loader_model_only(base.model, "none", folders=folders)
    with pytest.raises(NodeError, match="There is no LoRA “kohia”") as told:
        lora_loader_model_only(base.model, "kohia", folders=folders)
    assert "kohya" in str(told.value)


def test_changes_that_fit_nothing_are_told(folders):
    base, store = load_base_model("small", folders), WeightStore(folders)
    model = lora_loader_model_only(replace(base.model, family=""), "stranger", folders=folders)
    with pytest.raises(NodeError, match=r"“stranger”: The LoRA does not fit"), store.unet(model):
        pass


@pytest.mark.parametrize(("told", "context"), [(0, 768), (2816, 2048)], ids=["sd1", "sdxl"])
def test_layers_of_the_original_code_are_those_of_diffusers(told: int, context: int):
    """Every weight of a checkpoint in the original layout goes where the checkpoint itself is put."""
    prefix, held = "model.diffusion_model.", layouts.parts(original.unet(context=context, told=told))["unet"]
    wanted = {new: old for new, old in held.items() if new.endswith(".weight") and "class_embedding" not in new}
    found = unet_loras.places(wanted)
    for new, old in wanted.items():
        stem = old.removeprefix(prefix).removesuffix(".weight")
        for name in (f"diffusion_model.{stem}", f"lora_unet_{stem.replace('.', '_')}"):
            assert [place.weight for place in found[name]] == [new]


def test_names_of_older_releases_are_those_of_today():
    file = {"unet.mid_block.attentions.0.attn1.processor.to_out_lora.down.weight": torch.zeros(1)}
    assert list(renamed(file, [], "unet")) == ["unet.mid_block.attentions.0.attn1.to_out.0.lora.down.weight"]


@pytest.mark.parametrize("kind", ["hada_w1_a", "lokr_w1", "diff"])
def test_other_kinds_of_changes_are_told_by_their_names(kind: str, folders: Folders) -> None:
    """LoHa, LoKr and whole differences, on the same layer; those that fit nothing are told as for LoRAs."""
    first = torch.full((32, 32), 0.01)
    tensors = {
        "hada_w1_a": {"hada_w1_a": first, "hada_w1_b": first, "hada_w2_a": first, "hada_w2_b": first},
        "lokr_w1": {"lokr_w1": first[:4, :4], "lokr_w2": first[:8, :8]},
        "diff": {"diff": first},
    }[kind]
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    named = {f"{stem}.{name}": tensor.clone().contiguous() for name, tensor in tensors.items()}
    saved_loras.write(folders.models[0] / f"loras/kind-{kind}.safetensors", named)
    base, store = load_base_model("small", folders), WeightStore(folders)
    model = lora_loader_model_only(base.model, f"kind-{kind}", folders=folders)
    layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    with store.unet(model) as unet, store.unet(base.model) as plain:
        added = unet.get_submodule(layer).weight - plain.get_submodule(layer).weight
    assert added.min() > 0 and torch.allclose(added, added[0, 0].expand(32, 32), atol=1e-6)
