"""Latents saved and loaded."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError, Prompt
from sd_nodes.latent_files import content, latent_names, load_latent, save_latent
from sd_nodes.types import Latent


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp")
    found.input.mkdir()
    return found


def latent() -> Latent:
    return {"samples": torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))}


def test_what_is_saved_is_loaded(folders):
    shown = save_latent(latent(), folders=folders)
    path = shown.files[0].path
    assert path == folders.output / "latents/ComfyUI_00001_.latent"
    assert shown.extra == {"latents": [{"filename": path.name, "subfolder": "latents", "type": "output"}]}
    assert load_latent("latents/ComfyUI_00001_.latent [output]", folders)["samples"].equal(latent()["samples"])
    path.rename(folders.input / "a.latent")
    assert load_latent("a.latent", folders)["samples"].equal(latent()["samples"])


def test_the_file_carries_its_workflow(folders):
    prompt = {"1": {"class_type": "SaveLatent", "inputs": {}}}
    path = save_latent(latent(), folders=folders, prompt=Prompt(prompt)).files[0].path
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["prompt"]) == prompt
        assert set(file.keys()) == {"latent_tensor", "latent_format_version_0"}


def test_files_without_a_format_are_scaled(folders):
    save_file({"latent_tensor": torch.full((1, 4, 2, 2), 0.18215)}, folders.input / "old.latent")
    assert torch.allclose(load_latent("old.latent", folders)["samples"], torch.tensor(1.0))


def test_only_latents_are_offered(folders):
    (folders.input / "below").mkdir()
    for name in ("b.latent", "below/a.latent", "c.png"):
        (folders.input / name).write_bytes(b"")
    assert latent_names(folders) == ["b.latent", "below/a.latent"]


@pytest.mark.parametrize("data", [b"", b"\x08\0\0\0\0\0\0\0nothing!", bytes(64)])
def test_what_holds_no_latents_is_told(folders, data):
    (folders.input / "a.latent").write_bytes(data)
    with pytest.raises(NodeError, match="holds no latents"):
        load_latent("a.latent", folders)


def test_other_tensors_are_told(folders):
    save_file({"weight": torch.zeros(1)}, folders.input / "a.latent")
    with pytest.raises(NodeError, match=r"holds weight, needs “latent_tensor”"):
        load_latent("a.latent", folders)


def test_a_missing_file_is_told_with_the_nearest(folders):
    save_file({"latent_tensor": torch.zeros(1)}, folders.input / "start.latent")
    with pytest.raises(NodeError, match=r'there are no latents "strat\.latent"') as caught:
        content("strat.latent", folders)
    assert caught.value.nearest == "start.latent"


def test_a_name_does_not_lead_out(folders):
    with pytest.raises(NodeError, match="leads out of the input folder"):
        load_latent("../a.latent", folders)


def test_the_fingerprint_follows_the_content(folders):
    for name, value in (("a", 0.0), ("b", 0.0), ("c", 1.0)):
        save_file({"latent_tensor": torch.full((1,), value)}, folders.input / f"{name}.latent")
    assert content("a.latent", folders) == content("b.latent", folders) != content("c.latent", folders)
