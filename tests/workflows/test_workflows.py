"""Every workflow that ships, run by the engine: on small random models, and on the model that ships with the pack."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from graph_runtime import Event, Executor, Folders, Outcome, Workflow, join
from graph_runtime.cache import DiskCache, MemoryCache, types_of
from graph_runtime.events import NodeProgressed, NodeStarted
from graph_runtime.workflow import from_json
from sd_nodes import LIBRARY
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_models
from tests.sd_nodes.annotators.fetched import MODELS, skip_unless_fetched
from tests.sd_nodes.saved_depth import save_depth
from tests.workflows.pictures import INPUT, WORKFLOWS

NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
LOADERS = ("LoadBaseModel", "ControlNetLoader", "LoadSafetyChecker", "DepthMap")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small random models under other names than those that ship, and a depth model."""
    root = tmp_path_factory.mktemp("models")
    saved_models.save_base(root / "diffusers/small", safety=True)
    saved_models.save_controlnet(root / "controlnet/small-canny")
    saved_models.save_controlnet(root / "controlnet/small-depth", seed=9)
    save_depth(root / "depth/small")
    return root


@pytest.fixture
def folders(shelf: Path, tmp_path: Path) -> Folders:
    return Folders(INPUT, tmp_path / "output", (shelf, MODELS), tmp_path / "temp", tmp_path / "state")


def workflow(name: str, renamed: Mapping[str, str], **inputs: object) -> Workflow:
    """A workflow that ships, with other names in its loaders, and other inputs where a node has them."""
    data = json.loads((WORKFLOWS / f"{name}.json").read_text())
    for call in data.values():
        given = call["inputs"]
        if call["class_type"] in LOADERS:
            given |= {key: renamed.get(value, value) for key, value in given.items() if isinstance(value, str)}
        given |= {key: value for key, value in inputs.items() if key in given}
    return from_json(data)


SMALL = {
    "emoji": "small", "emoji-canny": "small-canny", "emoji-depth": "small-depth", "emoji-safety": "small",
    "fastdepth": "small",
}  # fmt: skip


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
            assert min(picture.size) >= 128


@pytest.mark.parametrize("name", NAMES)
def test_each_node_has_a_title_and_no_input_left_to_chance(name):
    data = json.loads((WORKFLOWS / f"{name}.json").read_text())
    assert all(call["_meta"]["title"] for call in data.values())
    assert all("seed" in call["inputs"] for call in data.values() if call["class_type"] == "Sampler")


def test_all_that_must_be_there_is_there():
    needed = {"text_to_image", "canny_controlnet", "depth_controlnet", "two_controlnets"}
    assert needed | {"image_to_image", "scheduler_comparison", "safety_check"} <= set(NAMES)


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
    assert started == {"Sampler", "VAEDecode", "SaveImage", "CompareImages"}


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
        (shown,) = [result.shown for result in outcome.results.values() if result.shown]
        with Pillow.open(shown.files[0].path) as picture:
            pixels.append(np.asarray(picture))
            source = from_json(json.loads(picture.text["prompt"]))
    assert np.array_equal(*pixels)


@pytest.mark.parametrize("name", [name for name in NAMES if "depth" not in name and name != "two_controlnets"])
def test_each_runs_on_the_model_that_ships(name, tmp_path):
    with Executor(Folders(INPUT, tmp_path / "output", (MODELS,), tmp_path / "temp")) as executor:
        outcome, _ = run(name, executor, {}, steps=4)
    assert outcome.state == "succeeded", outcome.failures


@pytest.mark.parametrize("name", ["depth_controlnet", "two_controlnets", "normals_from_depth"])
def test_those_with_depth_run_on_the_model_that_ships(name, shelf, tmp_path):
    with Executor(Folders(INPUT, tmp_path / "output", (shelf,), tmp_path / "temp")) as executor:
        outcome, _ = run(name, executor, {"fastdepth": "small"}, steps=4)
    assert outcome.state == "succeeded", outcome.failures
