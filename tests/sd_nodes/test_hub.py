"""Hub ids: their form, the local cache, and what would be fetched. Nothing here goes online."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graph_runtime import NodeError
from sd_nodes import hub


@pytest.mark.parametrize(
    ("name", "is_id"),
    [("lllyasviel/sd-controlnet-canny", True), ("emoji", False), ("a/b/c", False), ("./a", False), ("../a", False)],
)
def test_an_id_is_an_owner_and_a_name(name: str, is_id: bool) -> None:
    """Paths and plain names are no ids."""
    assert hub.is_hub_id(name) is is_id


def test_a_cached_model_is_found_at_its_main_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revision that `refs/main` names comes before others."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for revision in ("aaa", "bbb"):
        (tmp_path / "models--some--model" / "snapshots" / revision).mkdir(parents=True)
    assert hub.cached("some/model") == tmp_path / "models--some--model" / "snapshots" / "aaa"
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text("bbb")
    assert hub.cached("some/model") == tmp_path / "models--some--model" / "snapshots" / "bbb"
    assert hub.cached("some/other") is None


def test_fetching_is_refused_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the id, the cache and the setting."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NodeError, match=r"some/model.*HF_HUB_OFFLINE"):
        hub.fetch("some/model")


def test_only_settings_and_one_set_of_weights_are_wanted() -> None:
    """Pickles, whole checkpoints, training leftovers and second precisions stay where they are."""
    wanted = [
        "model_index.json",
        "tokenizer/merges.txt",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model-00001-of-00002.safetensors",
        "pytorch_lora_weights.safetensors",
        "learned_embeds.safetensors",
    ]
    unwanted = [
        "v1-5-pruned.safetensors",
        "v1-5-pruned.ckpt",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "README.md",
    ]
    assert sorted(hub.wanted([*unwanted, *wanted])) == sorted(wanted)


def test_a_hub_that_cannot_be_reached_is_told_at_once_and_in_a_sentence(tmp_path: Path) -> None:
    """Nothing listens at the port that the environment names."""
    env = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", "from graph_runtime.cli import main; main()", "fetch", "some/model"]
    started = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert time.perf_counter() - started < 15
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: “some/model” could not be fetched: the hub cannot be reached (")
    assert line.endswith("); is this machine online?")
