"""What a node would refuse is told before a run, as far as its values are known then."""

import inspect

import pytest
import torch

from graph_runtime import Builder, Folders, NodeError, WorkflowError, join
from sd_nodes import LIBRARY
from sd_nodes.checks import CHECKS
from sd_nodes.conditionings import clip_set_last_layer
from sd_nodes.filters import canny
from sd_nodes.loaders import load_base_model
from sd_nodes.refusals import RULES, refusals
from sd_nodes.text import clip_text_encode
from sd_nodes.weights import WeightStore


def problems(builder: Builder, folders: Folders) -> list[str]:
    """What is wrong with a graph."""
    try:
        join(builder.workflow(), LIBRARY, folders)
    except WorkflowError as error:
        return [f"{problem.class_type} {problem.input}: {problem.message}" for problem in error.problems]
    return []


def test_rules_are_about_inputs_of_their_nodes() -> None:
    for id, rule in ((id, rule) for id, rules in RULES.items() for rule in rules):
        needed = [name for name, one in inspect.signature(rule).parameters.items() if one.default is one.empty]
        assert set(needed) <= LIBRARY[id].inputs.keys(), id
    assert refusals in CHECKS


def test_thresholds_in_the_wrong_order() -> None:
    """Told before the run in the words of the run."""
    builder = Builder()
    picture = builder.add("EmptyImage", width=64, height=64)
    edges = builder.add("Canny", image=picture, low_threshold=0.9, high_threshold=0.3)
    builder.add("SaveImage", images=edges)
    (told,) = problems(builder, Folders())
    with pytest.raises(NodeError) as refused:
        canny(None, 0.9, 0.3)  # type: ignore[arg-type]
    assert told == f"Canny low_threshold: {refused.value.message}"


@pytest.mark.parametrize(("start", "end", "wrong"), [(0.6, 0.2, True), (0.5, 0.5, True), (0.2, 0.6, False)])
def test_a_sampler_whose_window_ends_before_it_starts(
    small_folders: Folders, start: float, end: float, wrong: bool
) -> None:
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    drawn = builder.add(
        "Sampler", model=base["model"], positive=prompt, negative=prompt, latent=size, start=start, end=end
    )
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    told = problems(builder, small_folders)
    assert told == ([f"Sampler end: the window is {start:g} to {end:g}: it ends before it starts."] if wrong else [])


def test_a_model_that_the_sampler_does_not_follow(small_folders: Folders) -> None:
    """It was put on another way of predicting, which only KSampler knows."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    model = builder.add("ModelSamplingDiscrete", model=base["model"], sampling="v_prediction")
    prompt = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=64, height=64)
    for sampler in ("Sampler", "KSampler"):
        latent = {"latent" if sampler == "Sampler" else "latent_image": size}
        drawn = builder.add(sampler, model=model, positive=prompt, negative=prompt, **latent)
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    (told,) = problems(builder, small_folders)
    assert told.startswith("Sampler model: how it is read or steered was changed")


def test_more_layers_left_out_than_there_are_leave_out_none(small_folders: Folders) -> None:
    """As in ComfyUI, whose workflows go down to the 24th layer whatever the text encoder has."""
    base, store = load_base_model("small", small_folders), WeightStore(small_folders)
    whole, fewer, beyond = (
        clip_text_encode("a", clip_set_last_layer(base.clip, layer), store=store).conditions[0].embedding
        for layer in (-1, -2, -24)
    )
    assert torch.equal(beyond, whole)
    assert not torch.equal(fewer, whole)
    builder = Builder()
    loaded = builder.add("LoadBaseModel", name="small")
    clip = builder.add("CLIPSetLastLayer", clip=loaded["clip"], stop_at_clip_layer=-24)
    prompt = builder.add("CLIPTextEncode", text="a", clip=clip)
    size = builder.add("EmptyLatentImage", width=64, height=64)
    drawn = builder.add("Sampler", model=loaded["model"], positive=prompt, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=loaded["vae"]))
    assert problems(builder, small_folders) == []


def test_encoders_that_are_not_those_of_sdxl(small_folders: Folders) -> None:
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    text = {"text_g": "a", "text_l": "a"}
    prompt = builder.add("CLIPTextEncodeSDXL", clip=base["clip"], **text)
    size = builder.add("EmptyLatentImage", width=64, height=64)
    drawn = builder.add("Sampler", model=base["model"], positive=prompt, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    assert any("needs the two of SDXL" in each for each in problems(builder, small_folders))


@pytest.mark.parametrize(("prefix", "wrong"), [("é" * 117, False), ("é" * 118, True), ("a/" * 200, False)])
def test_a_name_that_no_file_system_takes(prefix: str, wrong: bool) -> None:
    builder = Builder()
    builder.add("SaveImage", images=builder.add("EmptyImage", width=64, height=64), filename_prefix=prefix)
    told = problems(builder, Folders())
    needed = "SaveImage filename_prefix: a name in it takes 236 bytes; with its number a file's name may take 235."
    assert told == ([needed] if wrong else [])
