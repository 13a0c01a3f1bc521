"""Families told from headers before anything loads: learned words, LoRAs, ControlNets, autoencoders by themselves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image as Pillow
from safetensors.torch import save_file

from graph_runtime import Builder, Folders, Handle
from tests.sd_nodes import models, saved_models, saved_sd3_folder, saved_upscalers
from tests.sd_nodes.test_nodes_checks import drawn, problems


@pytest.fixture
def folders(small_folders: Folders) -> Folders:
    Pillow.new("RGB", (64, 64)).save(small_folders.input / "a.png")
    return small_folders


@pytest.mark.parametrize("wired", [False, True])
def test_a_learned_word_of_another_family_is_told_before_anything_loads(folders, tmp_path, wired):
    save_file({"emb_params": torch.zeros(2, 768)}, shelf_of(tmp_path, "embeddings") / "stranger.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    text: str | Handle = "a embedding:stranger, b"
    text = builder.add("PrimitiveStringMultiline", value=text) if wired else text
    told = builder.add("CLIPTextEncode", id="told", text=text, clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    latents = builder.add("Sampler", model=base["model"], positive=told, negative=told, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    found = problems(builder, replace(folders, models=(*folders.models, tmp_path)))
    said = (
        "node told (CLIPTextEncode), input text: the embedding “stranger” is 768 wide, of the family sd1; the text "
        "encoder of “small” is 32 wide, of the family context-32."
    )
    assert found == [said]


def shelf_of(root: Path, name: str) -> Path:
    (root / name).mkdir()
    return root / name


def published(root: Path, width: int) -> None:
    """A base model whose UNet has the width of a published family's text."""
    saved_models.save_base(root / "diffusers/base")
    torch.manual_seed(0)
    models.unet(cross_attention_dim=width).save_pretrained(root / "diffusers/base/unet")


@pytest.mark.parametrize(
    ("width", "family", "tensors", "theirs"),
    [
        (768, "sd1", {"joint_blocks.0.x_block.attn.qkv.lora_A.weight": (2, 1536)}, "sd3"),
        (2048, "sdxl", {"lora_unet_single_blocks_0_linear1.lora_down.weight": (2, 3072)}, "flux"),
        (1024, "sd2", {"lora_unet_x_attn2_to_k.lora_down.weight": (2, 768)}, "sd1"),
    ],
)
def test_a_lora_of_any_family_is_told_by_its_header(folders, tmp_path, width, family, tensors, theirs):
    published(tmp_path, width)
    stored = {name: torch.zeros(shape) for name, shape in tensors.items()}
    save_file(stored, shelf_of(tmp_path, "loras") / "style.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="base")
    model = builder.add("LoraLoaderModelOnly", id="lora", model=base["model"], lora_name="style.safetensors")
    builder.add(
        "SaveImage", images=builder.add("VAEDecode", samples=drawn(builder, model, base["clip"]), vae=base["vae"])
    )
    found = problems(builder, replace(folders, models=(tmp_path,)))
    said = f"the LoRA “style.safetensors” is of the family {theirs}; “base” is of the family {family}."
    assert [said in problem for problem in found] == [True]


@pytest.mark.parametrize(
    ("stored", "theirs"),
    [
        ({"controlnet_blocks.0.weight": (4, 4), "transformer_blocks.0.attn.to_q.weight": (1536, 1536)}, "sd3"),
        ({"controlnet_blocks.0.weight": (4, 4), "single_transformer_blocks.0.attn.to_q.weight": (8, 8)}, "flux"),
        ("SD3ControlNetModel", "sd3"),
        ("FluxControlNetModel", "flux"),
    ],
    ids=str,
)
def test_a_controlnet_of_any_family_is_told_by_its_header(folders, tmp_path, stored, theirs):
    published(tmp_path, 768)
    shelf = shelf_of(tmp_path, "controlnet")
    if isinstance(stored, str):
        weights = shelf_of(shelf, "net") / "diffusion_pytorch_model.safetensors"
        (shelf / "net/config.json").write_text(json.dumps({"_class_name": stored}))
        save_file({"controlnet_blocks.0.weight": torch.zeros(4, 4)}, weights)
    else:
        save_file({name: torch.zeros(shape) for name, shape in stored.items()}, shelf / "net.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="base")
    net = builder.add("ControlNetLoader", control_net_name="net")
    picture = builder.add("LoadImage", image="a.png")
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=picture)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    found = problems(builder, replace(folders, models=(tmp_path,)))
    ours = "the model “base” is of the family sd1; the ControlNet “net” at node apply"
    assert found and all(ours in problem and f"is of the family {theirs}." in problem for problem in found)


def vae_of(channels: int, scale: float) -> AutoencoderKL:
    config = {name: value for name, value in models.vae().config.items() if not name.startswith("_")}
    config |= {"latent_channels": channels, "scaling_factor": scale}
    return AutoencoderKL.from_config(config)


@pytest.mark.parametrize(
    ("width", "channels", "scale", "folder", "said"),
    [
        (768, 4, 0.18215, True, ""),
        (768, 4, 0.13025, True, "sdxl"),
        (768, 16, 1.5305, True, "sd3"),
        (768, 16, 1.5305, False, "sd3 or flux"),
        (2048, 16, 0.3611, True, "flux"),
        (2048, 4, 0.18215, False, ""),
    ],
)
def test_a_separate_vae_of_another_family_is_told_by_its_latents(
    folders, tmp_path, width, channels, scale, folder, said
):
    published(tmp_path, width)
    vae, shelf = vae_of(channels, scale), shelf_of(tmp_path, "vae")
    if folder:
        vae.save_pretrained(shelf / "own")
    else:
        save_file(vae.state_dict(), shelf / "own.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="base")
    own = builder.add("VAELoader", vae_name="own")
    builder.add(
        "SaveImage", images=builder.add("VAEDecode", samples=drawn(builder, base["model"], base["clip"]), vae=own)
    )
    found = problems(builder, replace(folders, models=(tmp_path,)))
    assert len(found) == bool(said), found
    assert all(f"the VAE “own” is of the family {said}; the latents come from node sampler" in one for one in found)


@pytest.fixture
def flows(folders, tmp_path):
    """The folders with a small SD3, its ControlNet, and a Flux that is a folder of headers."""
    saved_sd3_folder.save(tmp_path / "diffusers/three")
    saved_sd3_folder.controlnet().save_pretrained(tmp_path / "controlnet/joint")
    flux = tmp_path / "diffusers/flux/transformer"
    flux.mkdir(parents=True)
    (flux.parent / "model_index.json").write_text("{}")
    (flux / "config.json").write_text(json.dumps({"_class_name": "FluxTransformer2DModel"}))
    names = ("double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight")
    stored = {name: torch.zeros(8, 8) for name in names}
    save_file(stored, flux / "diffusion_pytorch_model.safetensors")
    save_file(stored, shelf_of(tmp_path, "diffusion_models") / "flux-dev.safetensors")
    autoencoder = {f"first_stage_model.{name}": tensor for name, tensor in models.vae().state_dict().items()}
    whole = {f"model.diffusion_model.{name}": tensor for name, tensor in stored.items()}
    save_file({**whole, **autoencoder}, shelf_of(tmp_path, "checkpoints") / "flux-whole.safetensors")
    return replace(folders, models=(tmp_path, *folders.models))


@pytest.mark.parametrize(
    ("kind", "input", "name"),
    [
        ("LoadBaseModel", "name", "flux"),
        ("CheckpointLoaderSimple", "ckpt_name", "flux-whole.safetensors"),
        ("UNETLoader", "unet_name", "flux-dev.safetensors"),
    ],
)
def test_a_model_of_flux_is_told_as_such(flows, kind, input, name):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    loaded = builder.add(kind, id="flux", **{input: name})
    latents = drawn(builder, loaded["model" if kind == "LoadBaseModel" else "MODEL"], base["clip"])
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    (found,) = problems(builder, flows)
    assert found.startswith(f"node flux ({kind})") and "a model of the family flux" in found


def test_a_learned_word_of_another_family_is_told_for_three_text_encoders(flows, tmp_path):
    """T5 is taught no words."""
    save_file({"emb_params": torch.zeros(2, 1024)}, shelf_of(tmp_path, "embeddings") / "stranger.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="three")
    told = builder.add("CLIPTextEncode", id="told", text="a embedding:stranger", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    latents = builder.add("Sampler", model=base["model"], positive=told, negative=told, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    (found,) = problems(builder, flows)
    assert "1024 wide, of the family sd2; the text encoders of “three” are 24 and 40 wide, of the family sd3" in found


@pytest.mark.parametrize("wired", [False, True])
def test_a_controlnet_that_sees_latents_wants_the_autoencoder(flows, wired):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="three")
    net, picture = builder.add("ControlNetLoader", control_net_name="joint"), builder.add("LoadImage", image="a.png")
    more = {"vae": base["vae"]} if wired else {}
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=picture, **more)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    found = problems(builder, flows)
    assert len(found) == (not wired)
    assert all("input vae: the ControlNet “joint” is of the family sd3, which sees latents" in one for one in found)


def test_an_upscaler_is_no_base_model(folders, tmp_path):
    save_file(saved_upscalers.esrgan(), shelf_of(tmp_path, "checkpoints") / "esrgan.safetensors")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="esrgan.safetensors")
    latents = drawn(builder, base["model"], base["clip"])
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    (found,) = problems(builder, replace(folders, models=(tmp_path, *folders.models)))
    assert "it holds upscaler. Load Upscale Model loads it." in found


def test_a_base_model_is_no_controlnet(folders):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net, picture = builder.add("ControlNetLoader", control_net_name="small"), builder.add("LoadImage", image="a.png")
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=picture)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    (found,) = problems(builder, folders)
    assert "It is a base model: Load Base Model and Load Checkpoint load it." in found


@pytest.mark.parametrize(
    ("name", "kind", "given", "said"),
    [
        ("three", "SmoothedEnergyGuidance", {}, "“three” is a transformer without a middle to disturb"),
        ("three", "SkipLayerGuidance", {}, "“three” is a transformer: name the layers that are skipped"),
        ("small", "SkipLayerGuidance", {"layers": "7"}, "layers by number are those of a transformer such as SD3"),
        ("three", "SkipLayerGuidance", {"layers": "1"}, ""),
        ("small", "SkipLayerGuidance", {}, ""),
    ],
)
def test_a_model_that_cannot_be_disturbed_so_is_told(flows, name, kind, given, said):
    builder = Builder()
    base = builder.add("LoadBaseModel", name=name)
    told = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size, method = builder.add("EmptyLatentImage", width=64, height=64), builder.add(kind, **given)
    latents = builder.add(
        "Sampler", model=base["model"], positive=told, negative=told, latent=size, method=method
    )  # fmt: skip
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    found = problems(builder, flows)
    assert len(found) == bool(said) and all(said in one and "input method" in one for one in found)
