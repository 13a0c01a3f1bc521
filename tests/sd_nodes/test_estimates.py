"""What the models of a graph weigh, told from the headers before anything loads."""

from dataclasses import replace

import pytest
import torch

from graph_runtime import Builder, Folders, join, sized
from sd_nodes import LIBRARY, estimates
from sd_nodes.estimates import needs, weights
from tests.sd_nodes import models


def notes(builder: Builder, folders: Folders) -> list[str]:
    """What is told of a graph."""
    graph = join(builder.workflow(), LIBRARY, folders)
    return list(weights(graph.steps, folders))


def millions(count: int) -> str:
    return f"{count / 1e6:.1f}" if count >= 1e5 else f"{count / 1e6:.1g}"


def drawn(builder: Builder) -> None:
    base = builder.add("LoadBaseModel", name="small")
    prompts = [builder.add("CLIPTextEncode", text=text, clip=base["clip"]) for text in ("a", "b")]
    size = builder.add("EmptyLatentImage", width=64, height=64)
    latents = [
        builder.add("Sampler", model=base["model"], positive=prompts[0], negative=prompts[1], latent=size, seed=seed)
        for seed in (1, 2)
    ]
    for one in latents:
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=one, vae=base["vae"]))


def test_each_model_counts_once(small_folders: Folders) -> None:
    """Two samplers share the base model; its safety checker is loaded by nobody."""
    builder = Builder()
    drawn(builder)
    parts = (models.unet(), models.text_encoder(), models.vae())
    count = [sum(each.numel() for each in part.parameters()) for part in parts]
    unet, text, vae = map(millions, count)
    (told,) = notes(builder, small_folders)
    assert told.startswith(
        f"models: {millions(sum(count))} million parameters (UNet {unet}, text encoder {text}, VAE {vae})"
    )
    size = sum(count) * 4 / 1e6
    assert told.endswith(f"in float32, {size / 2:.1f} MB in float16")
    assert float(told.split("; ")[1].split(" MB")[0]) == pytest.approx(size, abs=0.1)


def test_a_controlnet_is_told(small_folders: Folders) -> None:
    """It is what a run needs beside its base model."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    picture = builder.add("EmptyImage", width=64, height=64)
    builder.add("ControlNetApply", conditioning=prompt, control_net=net, image=picture)
    builder.add("SaveImage", images=picture)
    (told,) = notes(builder, small_folders)
    assert f"ControlNet {millions(sum(each.numel() for each in models.controlnet().parameters()))}" in told


def told(builder: Builder, folders: Folders, memory: int | None = None) -> list[str]:
    """What is told of the memory that a graph needs."""
    folders = replace(folders, memory=memory)
    return list(needs(join(builder.workflow(), LIBRARY, folders).steps, folders))


def megabytes(module: torch.nn.Module) -> str:
    return sized(sum(each.numel() for each in module.parameters()) * 4)


def read(size: str) -> float:
    """The megabytes of a size as it is told."""
    number, unit = size.split()[:2]
    return float(number) * {"kB": 1e-3, "MB": 1.0, "GB": 1e3}[unit]


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU: `auto` is float32 there."""
    monkeypatch.setattr(estimates, "_device", lambda: "cpu")


def test_each_part_is_told_with_what_it_computes(small_folders: Folders, cpu: None) -> None:
    """The sampler needs most; its line says for which pictures, and each part once what it takes."""
    builder = Builder()
    drawn(builder)
    head, unet, text, vae = told(builder, small_folders)
    assert head.startswith("memory: at most ")
    assert head.endswith("(Sampler), for 1 picture of 64 x 64, twice for guidance")
    assert unet.startswith(f"  UNet “small”: {megabytes(models.unet())} in float32, ")
    assert text.startswith(f"  text encoder “small”: {megabytes(models.text_encoder())} in float32, ")
    assert vae.startswith(f"  VAE “small”: {megabytes(models.vae())} in float32, ")
    assert all(line.endswith(" while it computes; used by 2 nodes") for line in (unet, text, vae))


def test_a_network_under_other_schedulers_is_told_once(small_folders: Folders, cpu: None) -> None:
    """A scheduler makes another recipe, and no other network; another dtype makes another network."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    own = [builder.add("SwapScheduler", model=base["model"], scheduler=name) for name in ("ddim", "unipc")]
    for model in (*own, builder.add("ModelDtype", model=base["model"], dtype="bfloat16")):
        latent = builder.add("Sampler", model=model, positive=prompt, negative=prompt, latent=size)
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=latent, vae=base["vae"]))
    shared, narrow = (line for line in told(builder, small_folders) if "UNet" in line)
    assert "in float32" in shared and shared.endswith("; used by 2 nodes")
    assert "in bfloat16" in narrow and "used by" not in narrow


def test_sizes_follow_the_latents(small_folders: Folders, cpu: None) -> None:
    """Four times the pixels and three pictures: that much more is computed, and nothing more is kept."""

    def working(side: int, batch: int, guidance: float = 7.5) -> float:
        builder = Builder()
        base = builder.add("LoadBaseModel", name="small")
        prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
        size = builder.add("EmptyLatentImage", width=side, height=side, batch_size=batch)
        drawn = builder.add(
            "Sampler", model=base["model"], positive=prompt, negative=prompt, latent=size, guidance=guidance
        )
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
        line = next(line for line in told(builder, small_folders) if "UNet" in line)
        return read(line.split(", ")[-1])

    assert working(512, 1) == pytest.approx(4 * working(256, 1), rel=0.02)
    assert working(256, 3) == pytest.approx(3 * working(256, 1), rel=0.02)
    assert working(256, 1) == pytest.approx(2 * working(256, 1, guidance=1.0), rel=0.02)


def test_too_little_memory_names_settings_that_fit(small_folders: Folders, cpu: None) -> None:
    """Weights of 3.2 MB need bfloat16 to fit into 3 MB, float8 to fit into 1.4 MB; nothing fits into a byte."""
    builder = Builder()
    drawn(builder)
    assert len(told(builder, small_folders, 1 << 30)) == 4
    wide, narrow, none = (told(builder, small_folders, each)[-1] for each in (3_000_000, 1_400_000, 1))
    assert wide.startswith("  that is more than the 3 MB of --memory; what would fit: Model Dtype bfloat16 (")
    assert "what would fit: Model Dtype bfloat16 with float8_e4m3fn as storage (" in narrow
    assert none.startswith("  that is more than the 1 B of --memory; even with every setting that saves memory it is ")
    assert ", and the weights alone are " in none and "fewer" not in none


def test_where_the_weights_fit_smaller_pictures_are_told(small_folders: Folders, cpu: None) -> None:
    """What is computed is too much: that can be helped without other settings."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=1024, height=1024, batch_size=4)
    latent = builder.add("Sampler", model=base["model"], positive=prompt, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latent, vae=base["vae"]))
    head, *_, last = told(builder, small_folders, 10_000_000)
    assert head.endswith("(VAE Decode), for 4 pictures of 1024 x 1024")
    assert last.endswith(" of it for weights: draw smaller or fewer pictures at once")


def test_settings_count(small_folders: Folders, cpu: None) -> None:
    """What a recipe says of its numbers is what is told."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    model = builder.add("ModelDtype", model=base["model"], dtype="bfloat16", storage="float8_e4m3fn")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    latent = builder.add("Sampler", model=model, positive=prompt, negative=prompt, latent=size)
    vae = builder.add("VAEMemory", vae=base["vae"])
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latent, vae=vae))
    line = next(line for line in told(builder, small_folders) if "UNet" in line)
    count = sum(each.numel() for each in models.unet().parameters())
    assert line.startswith(f"  UNet “small”: {sized(count)} in bfloat16, kept in float8_e4m3fn, ")


def test_a_controlnet_counts_beside_its_base(small_folders: Folders, cpu: None) -> None:
    """Both are in memory at once, and what it hands over too."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    picture = builder.add("EmptyImage", width=64, height=64)
    steered = builder.add("ControlNetApply", conditioning=prompt, control_net=net, image=picture)
    size = builder.add("EmptyLatentImage", width=64, height=64)
    latent = builder.add("Sampler", model=base["model"], positive=steered, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=latent, vae=base["vae"]))
    head, unet, control, *_ = told(builder, small_folders)
    parts = [read(line.split(": ")[1]) for line in (unet, control)]
    working = max(read(line.split(", ")[-1]) for line in (unet, control))
    assert read(head.split("at most ")[1]) == pytest.approx(sum(parts) + working, abs=0.2)


def test_a_graph_without_models_tells_nothing(small_folders: Folders) -> None:
    """There is no line where there is nothing to say."""
    builder = Builder()
    builder.add("SaveImage", images=builder.add("EmptyImage", width=64, height=64))
    assert notes(builder, small_folders) == told(builder, small_folders) == []


def test_a_long_chain_is_followed_to_its_size(small_folders: Folders, cpu: None) -> None:
    """Deeper than Python calls functions."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    latent = builder.add("EmptyLatentImage", width=96, height=64)
    for _ in range(2000):
        latent = builder.add("LatentFlip", samples=latent, flip_method="x-axis: vertically")
    drawn = builder.add("Sampler", model=base["model"], positive=prompt, negative=prompt, latent=latent)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    assert told(builder, small_folders)[0].endswith("for 1 picture of 96 x 64, twice for guidance")
