"""What the models of a graph weigh, told from the headers before anything loads."""

import pytest

from graph_runtime import Builder, Folders, join
from sd_nodes import LIBRARY
from sd_nodes.estimates import weights
from tests.sd_nodes import models


def notes(builder: Builder, folders: Folders) -> list[str]:
    """What is told of a graph."""
    graph = join(builder.workflow(), LIBRARY, folders)
    return list(weights(graph.steps, folders))


def millions(count: int) -> str:
    return f"{count / 1e6:.1f}"


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


def test_a_graph_without_models_tells_nothing(small_folders: Folders) -> None:
    """There is no line where there is nothing to say."""
    builder = Builder()
    builder.add("SaveImage", images=builder.add("EmptyImage", width=64, height=64))
    assert notes(builder, small_folders) == []
