"""Every workflow that ships, run by the engine: on small random models, and on the model that ships with the pack."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from graph_runtime import Event, Executor, Folders, Outcome, Workflow, WorkflowError, join
from graph_runtime.api_format import from_json, read
from graph_runtime.cache import DiskCache, MemoryCache, types_of
from graph_runtime.events import NodeProgressed, NodeStarted
from graph_runtime.workflow import NOTES
from sd_nodes import LIBRARY
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_loras, saved_models, saved_sd3_folder, saved_sdxl
from tests.sd_nodes.annotators.fetched import MODELS, skip_unless_fetched
from tests.sd_nodes.saved_depth import save_depth
from tests.workflows.pictures import INPUT, WORKFLOWS

NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
NAMED = {
    "LoadBaseModel": "name",
    "ControlNetLoader": "control_net_name",
    "LoraLoader": "lora_name",
    "LoadSafetyChecker": "name",
    "DepthMap": "model",
}
"""The nodes that name a model, and the input that does."""

SIZED = {
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "FitToSize": ("width", "height"),
    "EmptyImage": ("width", "height"),
    "ImageCompositeMasked": ("x", "y"),
    "ScaleToResolution": ("resolution",),
    "SoftEdges": ("resolution",),
    "ColourRegions": ("resolution",),
    "LineArt": ("resolution",),
}
"""The nodes that say how large pictures are, and the inputs that do."""

LARGE = 128
"""Sizes over this are for real models; small ones draw a quarter of them."""

SMALL = {
    "emoji": "small",
    "emoji-canny": "small-canny",
    "emoji-depth": "small-depth",
    "emoji-safety": "small",
    "fastdepth": "small",
    "stable-diffusion-v1-5/stable-diffusion-v1-5": "small",
    "Lykon/dreamshaper-8": "other",
    "lllyasviel/sd-controlnet-canny": "small-canny",
    "lllyasviel/sd-controlnet-depth": "small-depth",
    "latent-consistency/lcm-lora-sdv1-5": "small.safetensors",
    "stabilityai/stable-diffusion-xl-base-1.0": "small-xl",
    "stabilityai/stable-diffusion-xl-refiner-1.0": "small-xl-refiner",
    "stabilityai/sdxl-turbo": "small-xl",
    "diffusers/controlnet-canny-sdxl-1.0": "small-xl-canny",
    "stabilityai/stable-diffusion-3.5-medium": "small-sd3",
    **{
        f"lllyasviel/sd-controlnet-{kind}": "small-any"
        for kind in ("hed", "mlsd", "normal", "openpose", "scribble", "seg")
    },
}
"""The small random model that stands in for each model that a workflow names."""


SDXL = (768, 1280)
"""The widths of its text encoders: base and refiner are known by theirs to share their latents."""


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small random models under other names than those that ship, and a depth model."""
    root = tmp_path_factory.mktemp("models")
    for name in ("small", "other"):
        saved_models.save_base(root / "diffusers" / name, safety=name == "small")
    for seed, kind in enumerate(("canny", "depth", "any"), 8):
        saved_models.save_controlnet(root / f"controlnet/small-{kind}", seed=seed)
    saved_sdxl.save_base(root / "diffusers/small-xl", widths=SDXL)
    saved_sdxl.save_base(root / "diffusers/small-xl-refiner", refiner=True, widths=SDXL)
    saved_sdxl.save_controlnet(root / "controlnet/small-xl-canny", sum(SDXL))
    saved_sd3_folder.save(root / "diffusers/small-sd3", layers=10)
    pairs = saved_loras.of(models.unet(), ("attn1.to_q", "attn2.to_k"))
    saved_loras.write(root / "loras/small.safetensors", saved_loras.diffusers(pairs, "unet"))
    save_depth(root / "depth/small")
    return root


@pytest.fixture
def folders(shelf: Path, tmp_path: Path) -> Folders:
    return Folders(INPUT, tmp_path / "output", (shelf, MODELS), tmp_path / "temp", tmp_path / "state")


def nodes(name: str) -> list[dict[str, Any]]:
    """The nodes of a workflow that ships, without its notes."""
    calls = json.loads((WORKFLOWS / f"{name}.json").read_text()).values()
    return [call for call in calls if call["class_type"] not in NOTES]


def named(name: str) -> set[str]:
    """The models that a workflow names."""
    return {call["inputs"][NAMED[call["class_type"]]] for call in nodes(name) if call["class_type"] in NAMED}


def hub_ids(name: str) -> set[str]:
    """Those of them that are on the hub."""
    return {model for model in named(name) if "/" in model}


def workflow(name: str, renamed: Mapping[str, str], **inputs: object) -> Workflow:
    """A workflow that ships, with other names in its loaders, smaller sizes, and other inputs where a node has them."""
    data = json.loads((WORKFLOWS / f"{name}.json").read_text())
    for call in data.values():
        given = call["inputs"]
        if key := NAMED.get(call["class_type"]):
            given[key] = renamed.get(given[key], given[key])
        for key in SIZED.get(call["class_type"], ()):
            given[key] = given[key] // 4 if renamed is SMALL and given[key] > LARGE else given[key]
        if call["class_type"] == "NsfwCheck":
            given["check"] = "if fetched"
        given |= {key: value for key, value in inputs.items() if key in given}
    return from_json(data)


def run(name: str, executor: Executor, renamed: Mapping[str, str], **inputs: object) -> tuple[Outcome, list[Event]]:
    skip_unless_fetched(WORKFLOWS / f"{name}.json")
    events: list[Event] = []
    graph = join(workflow(name, renamed, **inputs), LIBRARY, executor.folders)
    return asyncio.run(executor.run(graph, events.append)), events


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_on_small_models_by_changing_names_only(name, folders):
    with Executor(folders) as executor:
        outcome, _ = run(name, executor, SMALL, steps=2)
    assert outcome.state == "succeeded", outcome.failures
    shown = [file for result in outcome.results.values() if result.shown for file in result.shown.files]
    assert shown
    for file in shown:
        with Pillow.open(file.path) as picture:
            assert min(picture.size) >= 96


@pytest.mark.parametrize("name", NAMES)
def test_each_node_has_a_title_and_no_input_left_to_chance(name):
    titles = [call["_meta"]["title"] for call in nodes(name)]
    assert all(titles) and len(set(titles)) == len(titles)
    assert all("seed" in call["inputs"] for call in nodes(name) if call["class_type"] == "Sampler")


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_title_and_notes_that_name_its_input_and_what_to_fetch(name):
    source = read(WORKFLOWS / f"{name}.json")
    text = "\n".join(note.text for note in source.notes.values())
    pictures = {call["inputs"]["image"] for call in nodes(name) if call["class_type"] == "LoadImage"}
    assert source.title and all(f"`{picture}`" in text and (INPUT / picture).is_file() for picture in pictures)
    assert all(f"controlgraph fetch {model}" in text for model in hub_ids(name))


@pytest.mark.parametrize("name", [name for name in NAMES if hub_ids(name)])
def test_without_the_weights_each_says_what_to_fetch(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WorkflowError) as told:
        join(workflow(name, {}), LIBRARY, Folders(INPUT, models=(MODELS,)))
    assert all(model in str(told.value) for model in hub_ids(name))


@pytest.mark.parametrize("name", [name for name in NAMES if "VAEDecode" in (WORKFLOWS / f"{name}.json").read_text()])
def test_each_picture_that_a_model_draws_is_checked_before_it_is_saved(name):
    """On without exception for real models; the demonstration model, which cannot draw people, runs unchecked too."""
    calls = nodes(name)
    checks = [call for call in calls if call["class_type"] in ("NsfwCheck", "SafetyCheck")]
    switches = {call["inputs"]["check"] for call in checks if call["class_type"] == "NsfwCheck"}
    assert checks and switches <= ({"on"} if hub_ids(name) else {"if fetched"})
    saved = [call["inputs"] for call in calls if call["class_type"] == "SaveCheckedImage"]
    assert saved and all("report" in inputs for inputs in saved)


def test_all_that_must_be_there_is_there():
    kinds = ("canny", "depth", "soft_edges", "straight_lines", "normals", "pose", "scribble", "segmentation")
    assert {f"conditioning_{kind}" for kind in kinds} <= set(NAMES)
    assert {"text_to_image", "canny_controlnet", "depth_controlnet", "two_controlnets", "image_to_image"} <= set(NAMES)
    assert {
        "scheduler_comparison",
        "noise_levels",
        "safety_check",
        "control_maps",
        "four_prompts",
        "swapped_base",
    } <= set(NAMES)
    assert {"pose_to_character", "landscape_and_pose", "inpainting", "outpainting"} <= set(NAMES)
    assert {"sdxl_controlnet", "sdxl_refiner", "sdxl_turbo", "sd3", "lora"} <= set(NAMES)


def test_a_second_run_touches_no_weights(folders):
    with Executor(folders, MemoryCache(1 << 30)) as executor:
        first, _ = run("canny_controlnet", executor, SMALL, steps=2)
        executor.service(WeightStore).close()
        again, events = run("canny_controlnet", executor, SMALL, steps=2)
        assert executor.service(WeightStore).bytes == 0
    assert first.state == again.state == "succeeded"
    assert not [event for event in events if isinstance(event, NodeStarted)]


def test_a_second_run_after_a_restart_touches_no_weights(folders):
    assert folders.state is not None
    for place in ("first", "again"):
        cache = DiskCache(folders.state / "cache", 1 << 30, types_of(LIBRARY))
        with Executor(folders, cache) as executor:
            outcome, events = run("canny_controlnet", executor, SMALL, steps=2)
            started = [event for event in events if isinstance(event, NodeStarted)]
            assert outcome.state == "succeeded", place
    assert not started and executor.service(WeightStore).bytes == 0


def test_another_seed_runs_only_what_depends_on_it(folders):
    with Executor(folders, MemoryCache(1 << 30)) as executor:
        run("canny_controlnet", executor, SMALL, steps=2)
        _, events = run("canny_controlnet", executor, SMALL, steps=2, seed=8)
    started = {event.class_type for event in events if isinstance(event, NodeStarted)}
    assert started == {"Sampler", "VAEDecode", "NsfwCheck", "SaveCheckedImage", "CompareImages"}


def test_the_sampler_tells_each_step(folders):
    with Executor(folders, previews=True) as executor:
        _, events = run("text_to_image", executor, SMALL, steps=3)
    previewed = [event for event in events if isinstance(event, NodeProgressed) and event.preview]
    assert len(previewed) == 3 and previewed[-1].done == previewed[-1].total == 3


def test_a_saved_picture_holds_a_workflow_that_runs_again_to_the_same_picture(folders, tmp_path):
    pixels, source = [], workflow("image_to_image", SMALL, steps=2)
    for _ in range(2):
        with Executor(folders) as executor:
            outcome = asyncio.run(executor.run(join(source, LIBRARY, folders)))
        files = [result.shown.files[0] for result in outcome.results.values() if result.shown]
        (file,) = [file for file in files if "side_by_side" not in file.path.name]
        with Pillow.open(file.path) as picture:
            pixels.append(np.asarray(picture))
            source = from_json(json.loads(picture.text["prompt"]))
    assert np.array_equal(*pixels)


@pytest.mark.parametrize("name", [name for name in NAMES if not hub_ids(name) and "fastdepth" not in named(name)])
def test_each_runs_on_the_model_that_ships(name, tmp_path):
    with Executor(Folders(INPUT, tmp_path / "output", (MODELS,), tmp_path / "temp")) as executor:
        outcome, _ = run(name, executor, {}, steps=4)
    assert outcome.state == "succeeded", outcome.failures


@pytest.mark.parametrize("name", [name for name in NAMES if not hub_ids(name) and "fastdepth" in named(name)])
def test_those_with_depth_run_on_the_model_that_ships(name, shelf, tmp_path):
    with Executor(Folders(INPUT, tmp_path / "output", (shelf,), tmp_path / "temp")) as executor:
        outcome, _ = run(name, executor, {"fastdepth": "small"}, steps=4)
    assert outcome.state == "succeeded", outcome.failures
