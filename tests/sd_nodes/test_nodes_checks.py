"""What is told about a whole graph before anything is loaded."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image as Pillow

from graph_runtime import Builder, Folders, Handle, WorkflowError, join
from sd_nodes import LIBRARY
from tests.sd_nodes import models, saved_models
from tests.sd_nodes import original_checkpoints as original


@pytest.fixture(scope="module")
def shelf(small_shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second family beside the small one: its texts are 48 wide."""
    root = tmp_path_factory.mktemp("other")
    saved_models.save_base(root / "diffusers/wide")
    torch.manual_seed(0)
    wide: UNet2DConditionModel = models.unet(cross_attention_dim=48)
    wide.save_pretrained(root / "diffusers/wide/unet")
    return root


@pytest.fixture
def folders(small_folders: Folders, shelf: Path) -> Folders:
    Pillow.new("RGB", (64, 64)).save(small_folders.input / "a.png")
    return Folders(
        small_folders.input,
        small_folders.output,
        (*small_folders.models, shelf),
        small_folders.temp,
        small_folders.state,
    )


def problems(builder: Builder, folders: Folders) -> list[str]:
    """Everything that joining tells."""
    try:
        join(builder.workflow(), LIBRARY, folders)
    except WorkflowError as error:
        return [str(problem) for problem in error.problems]
    return []


def drawn(builder: Builder, model: Handle, clip: Handle, **controls: Handle) -> Handle:
    """A prompt, perhaps with a ControlNet on it, sampled."""
    positive = builder.add("CLIPTextEncode", id="positive", text="a", clip=clip)
    negative = builder.add("CLIPTextEncode", id="negative", text="", clip=clip)
    if controls:
        pair = builder.add("ControlNetApplyAdvanced", id="apply", positive=positive, negative=negative, **controls)
        positive, negative = pair["positive"], pair["negative"]
    size = builder.add("EmptyLatentImage", width=64, height=64)
    return builder.add("Sampler", id="sampler", model=model, positive=positive, negative=negative, latent=size)


def test_what_belongs_together_is_not_told(folders):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    edges = builder.add("CannyEdges", image=builder.add("LoadImage", image="a.png"))
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=edges)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    assert problems(builder, folders) == []


def test_a_text_encoder_of_another_family_is_told_with_both_names(folders):
    builder = Builder()
    small, wide = (builder.add("LoadBaseModel", name=name) for name in ("small", "wide"))
    latents = drawn(builder, wide["model"], small["clip"])
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=wide["vae"]))
    found = problems(builder, folders)
    assert len(found) == 2
    assert "node sampler (Sampler), input positive: the model “wide” is of the family context-48" in found[0]
    assert (
        "the text encoder “small” at node positive (CLIP Text Encode (Prompt)) is of the family context-32" in found[0]
    )


def test_a_controlnet_of_another_family_is_told(folders):
    builder = Builder()
    wide = builder.add("LoadBaseModel", name="wide")
    swapped = builder.add("SwapScheduler", model=wide["model"], scheduler="unipc")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    picture = builder.add("LoadImage", image="a.png")
    latents = drawn(builder, swapped, wide["clip"], control_net=net, image=picture)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=wide["vae"]))
    assert any("the ControlNet “small-canny” at node apply" in problem for problem in problems(builder, folders))


def test_a_weaker_model_of_another_family_is_told(folders):
    builder = Builder()
    small, wide = (builder.add("LoadBaseModel", name=name) for name in ("small", "wide"))
    method = builder.add("AutoGuidance", weaker=small["model"])
    text = builder.add("CLIPTextEncode", text="a", clip=wide["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    common = {"positive": text, "negative": text, "latent": size, "method": method}
    latents = builder.add("Sampler", id="sampler", model=wide["model"], **common)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=wide["vae"]))
    found = problems(builder, folders)
    assert ["“small”, the weaker model that guides it, is of the family context-32" in one for one in found] == [True]


def test_a_vae_of_another_family_is_told(folders):
    builder = Builder()
    small, wide = (builder.add("LoadBaseModel", name=name) for name in ("small", "wide"))
    latents = drawn(builder, wide["model"], wide["clip"])
    builder.add("SaveImage", images=builder.add("VAEDecode", id="decode", samples=latents, vae=small["vae"]))
    assert [problem[:28] for problem in problems(builder, folders)] == ["node decode (VAEDecode), inp"]


def test_a_picture_encoded_by_a_vae_of_another_family_is_told(folders):
    builder = Builder()
    small, wide = (builder.add("LoadBaseModel", name=name) for name in ("small", "wide"))
    picture = builder.add("LoadImage", image="a.png")
    encoded = builder.add("VAEEncode", id="encode", pixels=picture, vae=small["vae"])
    text = builder.add("CLIPTextEncode", text="", clip=wide["clip"])
    sampler = builder.add("Sampler", model=wide["model"], positive=text, negative=text, latent=encoded)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=sampler, vae=wide["vae"]))
    assert ["the VAE “small” at node encode" in problem for problem in problems(builder, folders)] == [True]


def test_base_and_refiner_are_told_of_a_prompt_by_their_own_text_encoders(folders, tmp_path):
    """The refiner goes on with latents of the base; of a model with other latents it cannot."""
    shelf = tmp_path / "checkpoints"
    first, second = "conditioner.embedders.0.", "conditioner.embedders.1."
    words = f"{first}transformer.text_model."
    xl = original.unet(context=2048, told=2816), original.text_encoder(words), original.open_clip(f"{second}model.")
    original.write(shelf / "xl.safetensors", *xl, original.vae())
    refiner = original.unet(context=1280, told=2560), original.open_clip(f"{first}model.")
    original.write(shelf / "refiner.safetensors", *refiner, original.vae())
    original.write(shelf / "one.safetensors", original.unet(), original.text_encoder(), original.vae())
    more = Folders(models=(tmp_path,))
    for base, said in (("xl", []), ("one", ["the model “one” at node sampler"])):
        builder = Builder()
        begun, ended = (builder.add("LoadBaseModel", name=name) for name in (base, "refiner"))
        latents = drawn(builder, begun["model"], begun["clip"])
        text = builder.add("CLIPTextEncode", text="", clip=ended["clip"])
        done = builder.add("Sampler", model=ended["model"], positive=text, negative=text, latent=latents, start=0.5)
        builder.add("SaveLatent", samples=done)
        assert [one in told for one, told in zip(said, problems(builder, more), strict=True)] == [True] * len(said)


def test_pictures_of_one_family_may_steer_another(folders):
    builder = Builder()
    small, wide = (builder.add("LoadBaseModel", name=name) for name in ("small", "wide"))
    first = builder.add("VAEDecode", samples=drawn(builder, wide["model"], wide["clip"]), vae=wide["vae"])
    text = builder.add("CLIPTextEncode", text="", clip=small["clip"])
    again = builder.add("VAEEncode", pixels=first, vae=small["vae"])
    second = builder.add("Sampler", model=small["model"], positive=text, negative=text, latent=again)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=second, vae=small["vae"]))
    assert problems(builder, folders) == []


@pytest.mark.parametrize("scaled", [False, True])
def test_a_depth_map_in_a_canny_controlnet_is_told(folders, scaled, tmp_path):
    tiny = tmp_path / "depth"
    tiny.mkdir()
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (tiny / name).write_text("{}")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    depth = builder.add("DepthMap", id="depth", image=builder.add("LoadImage", image="a.png"), model=str(tiny))
    picture = builder.add("ImageScale", image=depth, width=64, height=64) if scaled else depth
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=picture)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    said = (
        "node apply (ControlNetApplyAdvanced), input image: found DepthMap from node depth (Depth Map); the ControlNet "
        "“small-canny” was trained for canny, and DepthMap is for depth."
    )
    assert problems(builder, folders) == [said]


KINDS_FOR_CANNY = {
    "edges": "", "soft_edges": "SoftEdgeMap is for softedge", "lines": "LineMap is for lines",
    "normals": "NormalMap is for normal", "pose": "PoseMap is for pose", "scribble": "ScribbleMap is for scribble",
    "line_art": "LineArtMap is for lineart or scribble", "segmentation": "SegmentationMap is for segmentation",
    "tile": "TileMap is for tile", "shuffle": "ShuffleMap is for shuffle", "depth": "DepthMap is for depth",
}  # fmt: skip


@pytest.mark.parametrize(("output", "said"), KINDS_FOR_CANNY.items())
def test_a_ready_made_map_of_another_kind_is_told_through_a_change_of_size(folders, output, said):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    maps = builder.add("LoadControlMap", id="map", image="a.png")
    sized = builder.add("ScaleToResolution", image=maps[output], resolution=64)
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=sized["image"])
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    found = problems(builder, folders)
    assert len(found) == bool(said) and all(said in problem and "from node map" in problem for problem in found)


def test_edges_in_a_depth_controlnet_are_told_unless_its_kind_is_given(folders):
    for kind, count in (("auto", 1), ("scribble", 0)):
        builder = Builder()
        base = builder.add("LoadBaseModel", name="small")
        net = builder.add("ControlNetLoader", control_net_name="small-depth", kind=kind)
        edges = builder.add("CannyEdges", image=builder.add("LoadImage", image="a.png"))
        latents = drawn(builder, base["model"], base["clip"], control_net=net, image=edges)
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
        assert len(problems(builder, folders)) == count


def test_a_base_model_without_a_safety_checker_is_told(folders):
    for name, count in (("wide", 1), ("small", 0)):
        builder = Builder()
        base = builder.add("LoadBaseModel", name=name)
        picture = builder.add("LoadImage", image="a.png")
        checked = builder.add("SafetyCheck", image=picture, checker=base["safety_checker"])
        builder.add("SaveImage", images=checked["image"])
        assert len(problems(builder, folders)) == count


def test_a_prefix_that_leads_out_is_told_before_anything_runs(folders):
    builder = Builder()
    builder.add("SaveImage", images=builder.add("LoadImage", image="a.png"), filename_prefix="../a")
    assert ["leads out of the output folder" in problem for problem in problems(builder, folders)] == [True]


def test_all_problems_are_told_at_once(folders, small_shelf):
    (folders.input / "b.png").write_text("no picture")
    builder = Builder()
    base = builder.add("LoadBaseModel", name="smal")
    net = builder.add("ControlNetLoader", control_net_name="small-cany")
    builder.add("SwapScheduler", id="swap", model=base["model"], scheduler="unipc", more="{")
    latents = drawn(
        builder, Handle("swap"), base["clip"], control_net=net, image=builder.add("LoadImage", image="b.png")
    )
    vae = builder.add("VAELoader", vae_name="../vae")
    image = builder.add("VAEDecode", samples=latents, vae=vae)
    builder.add("SaveImage", images=image, filename_prefix="/etc/a")
    found = "\n".join(problems(builder, folders))
    for said in (
        "“smal”",
        "“small-cany”",
        "no picture of a known format",
        "no VAE at ../vae",
        "leads out of the output",
    ):
        assert said in found
    assert "Did you mean small?" in found and "Did you mean small-canny?" in found


def test_a_pickle_is_refused_with_the_reason(folders, shelf):
    (shelf / "checkpoints").mkdir(exist_ok=True)
    (shelf / "checkpoints/old.ckpt").write_bytes(b"\x80\x02")
    builder = Builder()
    base = builder.add("CheckpointLoaderSimple", ckpt_name="old.ckpt")
    builder.add(
        "SaveImage", images=builder.add("VAEDecode", samples=drawn(builder, base, base["CLIP"]), vae=base["VAE"])
    )
    assert any("pickle can run any program" in problem for problem in problems(builder, folders))


@pytest.mark.parametrize(("name", "value"), [("guidance", float("nan")), ("denoise", 1.5), ("steps", 0), ("seed", -1)])
def test_numbers_out_of_bounds_are_told(folders, name, value):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    drawn(builder, base["model"], base["clip"])
    workflow = json.loads(json.dumps(builder.workflow().to_json()))
    workflow["sampler"]["inputs"][name] = value
    from graph_runtime.api_format import from_json

    with pytest.raises(WorkflowError, match=rf"input {name}: found "):
        join(from_json(workflow), LIBRARY, folders, targets=["sampler"])


def test_a_long_chain_of_pictures_is_checked_in_no_time(folders):
    builder = Builder()
    picture = builder.add("LoadImage", image="a.png")
    for _ in range(3000):
        picture = builder.add("ImageScale", image=picture, width=8, height=8)
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    latents = drawn(builder, base["model"], base["clip"], control_net=net, image=picture)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latents, vae=base["vae"]))
    assert problems(builder, folders) == []
