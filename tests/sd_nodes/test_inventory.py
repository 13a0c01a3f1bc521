"""What `controlgraph models` shows: every model with family, content, size and hash."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graph_runtime import Folders, GraphError
from sd_nodes.inventory import HUB, SHIPPED, described, inventory
from sd_nodes.models_command import models
from tests.sd_nodes import original_checkpoints as original


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with one model of each kind, and some that cannot be used."""
    root = tmp_path_factory.mktemp("models")
    original.write(root / "checkpoints/SD1/dream.safetensors", original.unet(), original.vae(), original.text_encoder())
    original.write(root / "controlnet/canny.safetensors", original.controlnet())
    original.write(root / "vae/own.safetensors", original.vae(""))
    words = original.Names("")
    words.add("emb_params", 3, 768, bias=False)
    original.write(root / "embeddings/word.safetensors", {"emb_params": words.tensors["emb_params.weight"]})
    low = original.Names("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.")
    low.add("lora_down", 2, 768, bias=False)
    low.add("lora_up", 64, 2, bias=False)
    original.write(root / "loras/style.safetensors", low.tensors)
    (root / "checkpoints/old.ckpt").write_bytes(b"pickled")
    (root / "checkpoints/small.Q4_K.gguf").write_bytes(b"GGUF")
    (root / "loras/cut.safetensors").write_bytes(b"\x10")
    return root


@pytest.fixture
def folders(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Folders(models=(shelf,), state=tmp_path / "state")


def run(folders: Folders, *args: str) -> Result:
    found = CliRunner().invoke(models, ["--models", str(folders.models[0]), "--state", str(folders.state), *args])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def test_every_model_is_told_by_its_header(folders: Folders) -> None:
    told = {item.name: described(item, folders.state) for item in inventory(folders)}
    assert {name: (item.kind, item.holds, item.family) for name, item in told.items() if item.kind != SHIPPED} == {
        "SD1/dream.safetensors": ("checkpoints", "UNet, VAE, text encoder", "sd1"),
        "old.ckpt": ("checkpoints", "", ""),
        "canny.safetensors": ("controlnet", "ControlNet (canny)", "sd1"),
        "small.Q4_K.gguf": ("checkpoints", "", ""),
        "own.safetensors": ("vae", "VAE", "sd1 or sdxl"),
        "word.safetensors": ("embeddings", "embedding", "sd1"),
        "style.safetensors": ("loras", "LoRA", "sd1"),
        "cut.safetensors": ("loras", "", ""),
    }
    assert told["old.ckpt"].problem.startswith("a pickle")
    assert told["small.Q4_K.gguf"].problem.startswith("not opened: GGUF holds quantised weights")
    assert "not a safetensors file" in told["cut.safetensors"].problem
    assert told["emoji"].holds == "UNet, text encoder, VAE"
    assert not any(item.digest for item in told.values())


def test_models_of_the_hubs_cache_are_among_them(folders: Folders, tmp_path: Path) -> None:
    file = tmp_path / "hub/models--org--net/snapshots/1/config.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 768}')
    (item,) = (item for item in inventory(folders) if item.kind == HUB)
    assert (item.name, item.path) == ("org/net", file.parent)
    assert "holds no weights" in described(item, None).problem


def test_a_hash_is_computed_on_request_and_kept(folders: Folders, shelf: Path) -> None:
    expected = hashlib.sha256((shelf / "loras/style.safetensors").read_bytes()).hexdigest()
    assert expected[:10] not in run(folders, "loras").output
    assert f"SHA-256  {expected}" in run(folders, "style").output
    assert expected[:10] in run(folders, "loras").output


def test_a_model_is_found_by_parts_of_its_name(folders: Folders) -> None:
    for name in ("SD1/dream.safetensors", "sd1\\DREAM.safetensors", "dream.safetensors", "dream", "drea"):
        assert run(folders, name).output.startswith("SD1/dream.safetensors\n"), name
    with pytest.raises(GraphError, match=r'no model or kind of models "dreem"\. Did you mean SD1/dream\.safetensors\?'):
        run(folders, "dreem")


def test_json_holds_the_same(folders: Folders) -> None:
    rows = {row["name"]: row for row in json.loads(run(folders, "--json", "--hash").output)}
    assert rows["own.safetensors"]["holds"] == "VAE"
    assert len(rows["own.safetensors"]["sha256"]) == len(rows["emoji"]["sha256"]) == 64
    assert rows["cut.safetensors"]["problem"]


def test_of_two_models_with_one_name_the_second_is_told_as_hidden(
    folders: Folders, shelf: Path, tmp_path: Path
) -> None:
    (tmp_path / "more.yaml").write_text(f"a:\n  vae: {shelf}/loras\n  loras: {shelf}/loras\n")
    twice = Folders(models=(tmp_path / "more.yaml", *folders.models))
    assert [item.hidden for item in inventory(twice) if item.name == "own.safetensors"] == [False]
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras/style.safetensors").touch()
    both = Folders(models=(tmp_path, *folders.models))
    assert [item.hidden for item in inventory(both) if item.name == "style.safetensors"] == [False, True]


def test_where_nothing_is_the_user_hears_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    found = run(Folders(models=(tmp_path / "none",), state=tmp_path))
    assert f"there are no model folders in {tmp_path / 'none'}: give --models yours." in found.output
    assert "emoji-canny" in found.output
