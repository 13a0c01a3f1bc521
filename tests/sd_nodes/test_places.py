"""Where names lead, in which order, and what a name that leads nowhere is told."""

from pathlib import Path

import pytest

from graph_runtime import Folders, NodeError
from sd_nodes.places import BASE, CONTROLNET, LORA, UNET, VAE, find, names


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
    assert "emoji/vae" not in names(VAE, folders)


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


def test_other_formats_are_refused_with_the_reason(folders: Folders) -> None:
    """By their endings, and what lies under another ending by how it begins; endings may be in capitals."""
    place = folders.models[0] / "checkpoints"
    (place / "q.gguf").write_bytes(b"GGUF")
    (place / "Whole.SAFETENSORS").touch()
    for name in ("q.gguf", "q"):
        with pytest.raises(NodeError, match=r"q\.gguf is not opened: GGUF holds quantised weights"):
            find(name, BASE, folders)
    assert find("Whole.SAFETENSORS", BASE, folders).name in names(BASE, folders)


def test_a_file_in_a_folder_is_no_model_of_the_hub(folders: Folders) -> None:
    """Nobody is told to fetch `SDXL/base.safetensors` from the hub; it belongs into the folder of its kind."""
    (folders.models[0] / "diffusion_models").mkdir()
    for shelf, place in ((BASE, "first/checkpoints"), (UNET, "first/diffusion_models"), (LORA, "first/loras")):
        with pytest.raises(NodeError, match=f"Put it into .*{place}, or give --models") as told:
            find("SDXL/none.safetensors", shelf, folders)
        assert "hub" not in str(told.value)
        assert told.value.missing == "SDXL/none.safetensors"


def test_folders_that_a_yaml_file_names_in_vain_are_told(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: {base_path: /mnt/gone, checkpoints: sd}")
    with pytest.raises(NodeError, match=r"first/diffusers \(not there: /mnt/gone/sd\)\. There is"):
        find("none", BASE, Folders(models=(*folders.models, tmp_path / "x.yaml")))


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


def test_slashes_of_either_direction_lead_to_the_same_model(folders: Folders) -> None:
    """Workflows are saved on every system."""
    assert find("sd15\\canny", CONTROLNET, folders) == find("sd15/canny", CONTROLNET, folders)
    with pytest.raises(NodeError, match="names no ControlNet"):
        find("..\\x", CONTROLNET, folders)


def test_another_case_and_another_folder_are_told_as_the_nearest_name(folders: Folders) -> None:
    """They may be other files on another machine, so they are not taken for the same."""
    (folders.models[1] / "checkpoints/SD1").mkdir()
    (folders.models[1] / "checkpoints/SD1/Real.safetensors").touch()
    for name, near in (("Dream.safetensors", "dream.safetensors"), ("real.safetensors", "SD1/Real.safetensors")):
        with pytest.raises(NodeError) as told:
            find(name, BASE, folders)
        assert told.value.nearest == near


def test_a_file_on_another_shelf_is_told_with_its_place(folders: Folders) -> None:
    """So is one that lies loose in the models folder."""
    with pytest.raises(NodeError, match=r"A file of that name lies at .*second/checkpoints/other\.safetensors"):
        (folders.models[1] / "checkpoints/other.safetensors").touch()
        find("other", LORA, folders)
    (folders.models[0] / "loose.safetensors").touch()
    with pytest.raises(NodeError, match=r"A file of that name lies at .*first/loose\.safetensors"):
        find("loose.safetensors", BASE, folders)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A misspelt --models is found out by the first model that is missing."""
    with pytest.raises(NodeError, match=r"modles/loras is not there"):
        find("x", LORA, Folders(models=(tmp_path / "modles",)))


def test_the_safetensors_file_stands_for_the_pickle_of_its_name(folders: Folders) -> None:
    """Whoever saves a model as safetensors, as told, does not have to change the workflows that name it."""
    assert find("dream.ckpt", BASE, folders) == folders.models[0] / "checkpoints/dream.safetensors"


def test_models_beside_settings_of_others_are_listed(folders: Folders) -> None:
    """A stray config.json, or a whole repository with single files at its top, hides nothing."""
    base = folders.models[0]
    for path in ("checkpoints/config.json", "checkpoints/a/config.json", "checkpoints/a/one.safetensors",
                 "diffusers/sd15/sd15-pruned.sft", "checkpoints/a/b/c/deep.safetensors"):  # fmt: skip
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).touch()
    found = names(BASE, folders)
    assert {"a/one.safetensors", "a/b/c/deep.safetensors", "sd15", "sd15/sd15-pruned.sft"} <= set(found)
    assert not [name for name in found if "diffusion_pytorch_model" in name]
    assert find("sd15/sd15-pruned", BASE, folders) == base / "diffusers/sd15/sd15-pruned.sft"


def test_models_are_found_where_a_yaml_file_says(tmp_path: Path) -> None:
    """In folders that bear other names."""
    (tmp_path / "webui/models/Stable-diffusion").mkdir(parents=True)
    (tmp_path / "webui/models/Stable-diffusion/dream.safetensors").touch()
    (tmp_path / "paths.yaml").write_text("a:\n  base_path: webui\n  checkpoints: models/Stable-diffusion\n")
    folders = Folders(models=(tmp_path / "paths.yaml",))
    assert "dream.safetensors" in names(BASE, folders)
    assert find("dream", BASE, folders) == tmp_path / "webui/models/Stable-diffusion/dream.safetensors"


def test_a_file_in_the_hubs_cache_is_found_by_its_name(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as only one file has it; the names that all parts of diffusers models share lead nowhere."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    blob = tmp_path / "hub/models--org--sd/blobs/1"
    snapshot = tmp_path / "hub/models--org--sd/snapshots/1"
    (snapshot / "fp16").mkdir(parents=True)
    blob.parent.mkdir()
    blob.touch()
    for name in ("v1-5.safetensors", "fp16/half.safetensors", "diffusion_pytorch_model.safetensors"):
        (snapshot / name).symlink_to(blob)
    assert find("v1-5.safetensors", BASE, folders) == snapshot / "v1-5.safetensors"
    assert find("half.safetensors", BASE, folders) == snapshot / "fp16/half.safetensors"
    assert find("org/sd/fp16/half.safetensors", BASE, folders) == snapshot / "fp16/half.safetensors"
    other = tmp_path / "hub/models--org--other/snapshots/1/v1-5.safetensors"
    other.parent.mkdir(parents=True)
    other.touch()
    for name in ("v1-5.safetensors", "diffusion_pytorch_model.safetensors", "org/sd/../x.safetensors"):
        with pytest.raises(NodeError):
            find(name, BASE, folders)
