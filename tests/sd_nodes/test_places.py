"""Where names lead, in which order, and what a name that leads nowhere is told."""

from pathlib import Path

import pytest

from graph_runtime import Folders, NodeError
from sd_nodes.places import BASE, CONTROLNET, VAE, find, names


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Two model folders with a few empty models in them."""
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (
        first / "checkpoints/dream.safetensors",
        first / "checkpoints/old.ckpt",
        first / "diffusers/sd15/model_index.json",
        first / "diffusers/sd15/unet/diffusion_pytorch_model.safetensors",
        second / "checkpoints/dream.safetensors",
        second / "controlnet/sd15/canny/config.json",
        second / "controlnet/sd15/canny/diffusion_pytorch_model.safetensors",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (second / "controlnet/sd15/canny/config.json").write_text('{"_class_name": "ControlNetModel"}')
    return Folders(models=(first, second))


def test_names_are_looked_for_in_order_with_and_without_their_ending(folders: Folders) -> None:
    """The first model folder wins."""
    first, second = folders.models
    assert find("dream", BASE, folders) == find("dream.safetensors", BASE, folders)
    assert find("dream", BASE, folders) == first / "checkpoints/dream.safetensors"
    assert find("sd15", BASE, folders) == first / "diffusers/sd15"
    assert find("sd15/canny", CONTROLNET, folders) == second / "controlnet/sd15/canny"


def test_a_full_path_is_taken_as_it_is(folders: Folders) -> None:
    """Whatever the model folders hold."""
    path = folders.models[1] / "checkpoints/dream.safetensors"
    assert find(str(path), BASE, folders) == path


def test_models_are_listed_but_not_their_inside(folders: Folders) -> None:
    """A component of a diffusers folder is no model of its own, and a pickle is none at all."""
    assert [name for name in names(BASE, folders) if "emoji" not in name] == ["dream.safetensors", "sd15"]
    assert [name for name in names(CONTROLNET, folders) if "emoji" not in name] == ["sd15/canny"]


def test_models_of_another_kind_are_not_listed(folders: Folders) -> None:
    """Folders of several kinds lie side by side in diffusers' layout, and among the models that ship."""
    other = folders.models[0] / "diffusers/my-vae/config.json"
    other.parent.mkdir()
    other.write_text('{"_class_name": "AutoencoderKL"}')
    assert "my-vae" in names(VAE, folders)
    assert not {"my-vae", "emoji-canny", "emoji-safety"} & set(names(BASE, folders))
    assert not {"my-vae", "emoji-safety"} & set(names(CONTROLNET, folders))


def test_a_misspelt_name_is_told_the_nearest_and_the_places(folders: Folders) -> None:
    """The message says where it was looked for and what to do."""
    with pytest.raises(NodeError, match="There is no base model “dreem”") as error:
        find("dreem", BASE, folders)
    assert error.value.nearest == "dream.safetensors"
    assert all(str(root / "checkpoints") in str(error.value) for root in folders.models)
    assert "--models" in str(error.value)
    assert "Not opened: old.ckpt; a pickle can run any program" in str(error.value)


@pytest.mark.parametrize("name", ["old", "old.ckpt"])
def test_a_pickle_is_refused_with_the_reason(folders: Folders, name: str) -> None:
    """Opening one could run a program."""
    with pytest.raises(NodeError, match=r"old\.ckpt is not opened: a pickle can run any program"):
        find(name, BASE, folders)


@pytest.mark.parametrize("name", ["", "  ", "../first/checkpoints", "a/../../b", "\0", "~nobody-here/x", "a" * 5000])
def test_a_name_that_names_no_model_is_refused(folders: Folders, name: str) -> None:
    """Only a full path leads out of the model folders; what no file system takes is told like the rest."""
    with pytest.raises(NodeError):
        find(name, BASE, folders)


def test_an_id_that_is_not_cached_names_the_cache(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without leave to fetch, a hub id is looked for in the cache alone."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(NodeError, match=r"local hub cache .*hub"):
        find("some/model", BASE, folders)
    snapshot = tmp_path / "hub/models--some--model/snapshots/1"
    snapshot.mkdir(parents=True)
    assert find("some/model", BASE, folders) == snapshot
