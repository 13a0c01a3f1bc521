"""Stock workflows in the API format, run by the engine: values over links, lists, files."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from graph_runtime import Executor, Folders, GraphError, Outcome, join
from graph_runtime.workflow import from_json
from sd_nodes import LIBRARY

Nodes = Mapping[str, tuple[str, dict[str, object]]]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp", tmp_path / "state")
    found.input.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 4), np.uint8)
    Pillow.fromarray(pixels).save(found.input / "a.png")
    return found


def run(nodes: Nodes, folders: Folders) -> Outcome:
    workflow = from_json({id: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in nodes.items()})
    with Executor(folders) as executor:
        return asyncio.run(executor.run(join(workflow, LIBRARY, folders), lambda event: None))


def pictures(folders: Folders) -> list[np.ndarray]:
    return [np.asarray(Pillow.open(path)) for path in sorted(folders.output.rglob("*.png"))]


def test_primitives_feed_widgets(folders):
    nodes: Nodes = {
        "1": ("PrimitiveInt", {"value": 3}),
        "2": ("PrimitiveFloat", {"value": 0.5}),
        "3": ("PrimitiveString", {"value": "named"}),
        "4": ("PrimitiveBoolean", {"value": False}),
        "5": ("SolidMask", {"value": ["2", 0], "width": 7, "height": 7}),
        "6": ("GrowMask", {"mask": ["5", 0], "expand": ["1", 0], "tapered_corners": ["4", 0]}),
        "7": ("MaskToImage", {"mask": ["6", 0]}),
        "8": ("SaveImage", {"images": ["7", 0], "filename_prefix": ["3", 0]}),
    }
    run(nodes, folders)
    assert [path.name for path in folders.output.iterdir()] == ["named_00001_.png"]
    assert (pictures(folders)[0] == 127).all()


def test_batches_go_through_lists(folders):
    """A list runs what follows once for each of its batches."""
    nodes: Nodes = {
        "1": ("LoadImage", {"image": "a.png"}),
        "2": ("RepeatImageBatch", {"image": ["1", 0], "amount": 3}),
        "3": ("RebatchImages", {"images": ["2", 0], "batch_size": 2}),
        "4": ("ImageInvert", {"image": ["3", 0]}),
        "5": ("GetImageSize", {"image": ["4", 0]}),
        "6": ("RebatchImages", {"images": ["4", 0], "batch_size": 4096}),
        "7": ("SaveImage", {"images": ["6", 0], "filename_prefix": "a"}),
    }
    assert run(nodes, folders).state == "succeeded"
    assert len(pictures(folders)) == 3


def test_a_picture_is_composited_through_a_mask_from_a_file(folders):
    nodes: Nodes = {
        "1": ("LoadImage", {"image": "a.png"}),
        "2": ("LoadImageMask", {"image": "a.png", "channel": "red"}),
        "3": ("EmptyImage", {"width": 24, "height": 16, "batch_size": 1, "color": 0}),
        "4": (
            "ImageCompositeMasked",
            {"destination": ["3", 0], "source": ["1", 0], "x": 0, "y": 0, "resize_source": False, "mask": ["2", 0]},
        ),
        "5": ("SaveImage", {"images": ["4", 0], "filename_prefix": "a"}),
    }
    run(nodes, folders)
    source = np.asarray(Pillow.open(folders.input / "a.png")).astype(np.float32) / 255
    expected = np.floor(source[..., :3] * source[..., :1] * 255)
    assert np.abs(pictures(folders)[0] - expected).max() <= 1


def test_latents_go_through_a_file(folders):
    nodes: Nodes = {
        "1": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 2}),
        "2": ("SaveLatent", {"samples": ["1", 0], "filename_prefix": "start"}),
    }
    run(nodes, folders)
    (folders.output / "start_00001_.latent").rename(folders.input / "start.latent")
    loaded = run({"1": ("LoadLatent", {"latent": "start.latent"}), "2": ("SaveLatent", {"samples": ["1", 0]})}, folders)
    assert loaded.state == "succeeded" and (folders.output / "latents/ComfyUI_00001_.latent").is_file()


@pytest.mark.parametrize(
    ("kind", "inputs", "problem"),
    [
        ("ImageBlend", {"blend_mode": "dodge"}, "dodge"),
        ("ImageBlur", {"blur_radius": 99}, "31"),
        ("LatentUpscale", {"upscale_method": "bislep"}, "bislerp"),
        ("LoadLatent", {"latent": "none.latent"}, "none.latent"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(folders, kind, inputs, problem):
    workflow = from_json({"1": {"class_type": kind, "inputs": inputs}})
    with pytest.raises(GraphError) as caught:
        join(workflow, LIBRARY, folders, ("1",))
    assert problem in json.dumps([repr(each) for each in caught.value.problems])
