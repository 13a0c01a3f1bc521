"""Stock workflows in the API format, run by the engine: values over links, lists, files."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from graph_runtime import Cache, Executor, Folders, GraphError, Outcome, join
from graph_runtime.api_format import from_json
from graph_runtime.cache import DiskCache, types_of
from sd_nodes import LIBRARY
from sd_nodes.types import Area, Condition, Latent

Nodes = Mapping[str, tuple[str, dict[str, object]]]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp", tmp_path / "state")
    found.input.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 4), np.uint8)
    Pillow.fromarray(pixels).save(found.input / "a.png")
    return found


def run(nodes: Nodes, folders: Folders, *targets: str, cache: Cache | None = None) -> Outcome:
    workflow = from_json({id: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in nodes.items()})
    with Executor(folders, cache) as executor:
        return asyncio.run(executor.run(join(workflow, LIBRARY, folders, targets or None), lambda event: None))


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


def test_conditions_and_latents_are_kept_on_disk(small_folders):
    """What a second process reads back is what was put there: areas, masks, ranges, places in a batch."""
    nodes: Nodes = {
        "1": ("LoadBaseModel", {"name": "small"}),
        "2": ("CLIPTextEncode", {"text": "a cat", "clip": ["1", 1]}),
        "3": ("SolidMask", {"value": 0.5, "width": 8, "height": 8}),
        "4": ("ConditioningSetArea", {"conditioning": ["2", 0], "width": 64, "height": 64, "x": 8, "y": 0}),
        "5": ("ConditioningSetMask", {"conditioning": ["4", 0], "mask": ["3", 0], "set_cond_area": "mask bounds"}),
        "6": ("ConditioningSetTimestepRange", {"conditioning": ["5", 0], "start": 0.25, "end": 0.5}),
        "7": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 3}),
        "8": ("SetLatentNoiseMask", {"samples": ["7", 0], "mask": ["3", 0]}),
        "9": ("LatentFromBatch", {"samples": ["8", 0], "batch_index": 1, "length": 2}),
    }

    def once() -> tuple[Outcome, Condition, Latent]:
        cache = DiskCache(small_folders.state / "cache", 10**8, types_of(LIBRARY), tell=pytest.fail)
        outcome = run(nodes, small_folders, "6", "9", cache=cache)
        cache.flush()
        return outcome, outcome.results["6"].outputs[0].conditions[0], outcome.results["9"].outputs[0]

    _, condition, latent = once()
    outcome, again, latent_again = once()
    assert {"6", "9"} <= set(outcome.reused)
    assert again.embedding.equal(condition.embedding) and again.mask.equal(condition.mask)
    assert again.area == condition.area == Area(8, 8, 1, 0) and again.mask_bounds
    assert (again.start, again.end) == (0.25, 0.5)
    assert latent_again["batch_index"] == latent["batch_index"] == [1, 2]
    assert latent_again["noise_mask"].equal(latent["noise_mask"])


def test_the_parts_of_a_run_are_kept_on_disk(small_folders):
    """A second process finds a changed model, its guider, sampler, noise levels and noise, and what they drew."""
    nodes: Nodes = {
        "1": ("LoadBaseModel", {"name": "small"}),
        "2": ("CLIPTextEncode", {"text": "a (cat:1.2)", "clip": ["1", 1]}),
        "3": ("ModelSamplingDiscrete", {"model": ["1", 0], "sampling": "v_prediction", "zsnr": False}),
        "4": ("FreeU", {"model": ["3", 0]}),
        "5": ("CFGGuider", {"model": ["4", 0], "positive": ["2", 0], "negative": ["2", 0], "cfg": 2.0}),
        "6": ("SamplerLMS", {"order": 2}),
        "7": ("BasicScheduler", {"model": ["4", 0], "scheduler": "karras", "steps": 2, "denoise": 1.0}),
        "8": ("RandomNoise", {"noise_seed": 7}),
        "9": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "10": (
            "SamplerCustomAdvanced",
            {
                "noise": ["8", 0], "guider": ["5", 0], "sampler": ["6", 0], "sigmas": ["7", 0],
                "latent_image": ["9", 0],
            },
        ),
    }  # fmt: skip

    def once() -> Outcome:
        cache = DiskCache(small_folders.state / "cache", 10**8, types_of(LIBRARY), tell=pytest.fail)
        outcome = run(nodes, small_folders, "5", "7", "10", cache=cache)
        cache.flush()
        return outcome

    first, again = once(), once()
    assert {"5", "7", "10"} <= set(again.reused)
    guider, same = (outcome.results["5"].outputs[0] for outcome in (first, again))
    assert same.model == guider.model and same.model.tweaks.prediction.kind == "v_prediction"
    assert again.results["7"].outputs[0].equal(first.results["7"].outputs[0])
    drawn, kept = (outcome.results["10"].outputs[0]["samples"] for outcome in (first, again))
    assert kept.equal(drawn) and kept.any()


@pytest.mark.parametrize(
    ("kind", "inputs", "problem"),
    [
        ("ImageBlend", {"blend_mode": "dodge"}, "dodge"),
        ("ImageBlur", {"blur_radius": 99}, "31"),
        ("LatentUpscale", {"upscale_method": "bislep"}, "bislerp"),
        ("LoadLatent", {"latent": "none.latent"}, "none.latent"),
        ("KSamplerSelect", {"sampler_name": "eular"}, "euler"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(folders, kind, inputs, problem):
    workflow = from_json({"1": {"class_type": kind, "inputs": inputs}})
    with pytest.raises(GraphError) as caught:
        join(workflow, LIBRARY, folders, ("1",))
    assert problem in json.dumps([repr(each) for each in caught.value.problems])
