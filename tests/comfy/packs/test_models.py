"""Conditionings and models in the hands of other people's packs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from graph_runtime import Folders, Library, WorkflowError
from sd_nodes import LIBRARY
from sd_nodes.types import Conditioning
from tests.comfy.packs.kitchen import cook, load
from tests.engine.runs import Told
from tests.sd_nodes import saved_models

LOAD = {"load": ("CheckpointLoaderSimple", {"ckpt_name": "small"})}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    saved_models.save_base(root / "checkpoints/small", safety=False)
    return root


@pytest.fixture(scope="module")
def library(models: Path) -> Library:
    return load(Folders(models=(models,)), LIBRARY)


@pytest.fixture
def run(models: Path, library: Library, tmp_path: Path):
    folders = Folders(tmp_path / "input", tmp_path / "output", (models,), tmp_path / "temp")

    def go(nodes: Mapping[str, tuple[str, Mapping[str, object]]], *targets: str) -> Told:
        return cook(library, folders, {**LOAD, **nodes}, targets)

    return go


def test_a_pack_encodes_texts_as_we_do(run) -> None:
    nodes = {
        "theirs": ("KitchenEncode", {"clip": ["load", 1], "text": "a red apple"}),
        "ours": ("CLIPTextEncode", {"clip": ["load", 1], "text": "a red apple"}),
    }
    told = run(nodes, "theirs", "ours")
    assert told.outcome.state == "succeeded", told.failed
    theirs, ours = told.value("theirs"), told.value("ours")
    assert isinstance(theirs, Conditioning) and theirs.family == ours.family
    torch.testing.assert_close(theirs.conditions[0].embedding, ours.conditions[0].embedding)


def test_a_conditioning_goes_through_a_pack_and_back(run) -> None:
    nodes = {
        "text": ("CLIPTextEncode", {"clip": ["load", 1], "text": "a red apple"}),
        "area": (
            "ConditioningSetArea",
            {"conditioning": ["text", 0], "width": 64, "height": 128, "x": 8, "strength": 2},
        ),
        "weak": ("KitchenWeaken", {"conditioning": ["area", 0], "strength": 0.5}),
    }
    told = run(nodes, "area", "weak")
    assert told.outcome.state == "succeeded", told.failed
    before, after = told.value("area").conditions[0], told.value("weak").conditions[0]
    assert (after.strength, after.area, after.text) == (0.5, before.area, "a red apple")
    assert before.strength == 2 and after.embedding is not before.embedding


def test_an_autoencoder_goes_through_a_pack(run) -> None:
    nodes = {
        "grey": ("KitchenGrey", {"value": 0.5}),
        "big": (
            "ImageScale",
            {"image": ["grey", 0], "width": 64, "height": 64, "upscale_method": "area", "crop": "disabled"},
        ),
        "vae": ("KitchenThroughVae", {"vae": ["load", 2], "image": ["big", 0]}),
        "ours": ("VAEDecode", {"vae": ["load", 2], "samples": ["vae", 1]}),
    }
    told = run(nodes, "vae", "ours")
    assert told.outcome.state == "succeeded", told.failed
    torch.testing.assert_close(told.value("vae"), told.value("ours"))


def test_a_model_passes_through_and_a_patch_is_refused(run) -> None:
    told = run({"same": ("KitchenPatchModel", {"model": ["load", 0], "really": False})}, "same", "load")
    assert told.value("same") == told.value("load")
    told = run({"patched": ("KitchenPatchModel", {"model": ["load", 0], "really": True})}, "patched")
    assert "set_model_unet_function_wrapper of the model, which cannot be carried over" in told.failed["patched"]


def test_our_types_meet_their_words(run) -> None:
    with pytest.raises(WorkflowError, match=r"needs VAE"):
        run({"vae": ("KitchenThroughVae", {"vae": ["load", 0], "image": ["load", 0]})}, "vae")


@pytest.mark.parametrize("late", [False, True])
def test_a_pack_calls_our_nodes(models: Path, tmp_path: Path, late: bool) -> None:
    library = load(Folders(models=(models,)), LIBRARY, shelf=Path(__file__).parent / "borrowing")
    assert not library.failures
    folders = Folders(tmp_path, tmp_path / "output", (models,), tmp_path / "temp")
    theirs = {"model": ["load", 0], "clip": ["load", 1], "vae": ["load", 2], "text": "a red apple", "late": late}
    steps = {"seed": 5, "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    nodes = {
        **LOAD, "theirs": ("Borrow", theirs), "look": ("Look", {"images": ["theirs", 0]}),
        "yes": ("CLIPTextEncode", {"clip": ["load", 1], "text": "a red apple"}),
        "no": ("CLIPTextEncode", {"clip": ["load", 1], "text": ""}),
        "empty": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "k": ("KSampler", {"model": ["load", 0], "positive": ["yes", 0], "negative": ["no", 0],
                           "latent_image": ["empty", 0], **steps}),
        "ours": ("VAEDecode", {"samples": ["k", 0], "vae": ["load", 2]}),
    }  # fmt: skip
    told = cook(library, folders, nodes, ["theirs", "look", "ours"])
    assert told.outcome.state == "succeeded", told.failed
    torch.testing.assert_close(told.value("theirs"), told.value("ours"))
    assert told.value("look") == "temp" and len(list((tmp_path / "temp").glob("*.png"))) == 1


def test_a_class_of_a_pack_refuses_as_ours_does(models: Path, tmp_path: Path) -> None:
    library = load(Folders(models=(models,)), LIBRARY, shelf=Path(__file__).parent / "borrowing")
    with pytest.raises(WorkflowError, match="gone"):
        cook(library, Folders(input=tmp_path), {"a": ("Load", {"image": "gone.png"})}, ["a"])
