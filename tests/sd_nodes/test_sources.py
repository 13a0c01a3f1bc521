"""From names to recipes, without torch and without opening weights."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError
from sd_nodes import part_sources, sources
from tests.sd_nodes import models, saved_models
from tests.sd_nodes import original_checkpoints as original


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: a diffusers model, one with a safety checker, a single file, and ControlNets of both layouts."""
    root = tmp_path_factory.mktemp("models")
    saved_models.save_base(root / "diffusers/small")
    saved_models.save_base(root / "diffusers/safe", safety=True)
    saved_models.save_controlnet(root / "controlnet/small-canny")
    original.write(root / "checkpoints/single.safetensors", original.unet(), original.vae(), original.text_encoder())
    original.write(root / "controlnet/control_sd15_depth.safetensors", original.controlnet())
    save_file(models.vae().state_dict(), root / "checkpoints/only_vae.safetensors")
    return root


@pytest.fixture
def folders(shelf: Path, tmp_path: Path) -> Folders:
    """The model folder with a state folder of its own."""
    return Folders(models=(shelf,), state=tmp_path)


def change(path: Path) -> None:
    """Write a space behind the file's content."""
    path.write_text(path.read_text() + " ")


def test_a_diffusers_folder_becomes_recipes(folders: Folders) -> None:
    """Each part has its own digest, all have one family, and no safety checker is made up."""
    made = sources.checkpoint("small", folders)
    assert {made.model.family, made.clip.family, made.vae.family} == {"context-32"}
    assert [each.source.part for each in made[:3]] == ["unet", "text_encoder", "vae"]
    assert len({each.source.digest for each in made[:3]}) == 3
    assert made.safety is None


def test_the_safety_checker_comes_along_where_there_is_one(folders: Folders) -> None:
    """With the model, and by itself by the same name."""
    made = sources.checkpoint("safe", folders)
    assert made.safety == sources.safety_checker("safe", folders)


def test_a_single_file_becomes_recipes(folders: Folders) -> None:
    """All parts share the file's digest; the width of the text tells the family."""
    made = sources.checkpoint("single", folders)
    assert made.model.family == "sd1"
    assert len({each.source.digest for each in made[:3]}) == 1


@pytest.mark.parametrize(
    ("name", "family", "kind"),
    [("small-canny", "context-32", "canny"), ("control_sd15_depth", "sd1", "depth")],
)
def test_a_controlnet_knows_its_base_and_its_kind(folders: Folders, name: str, family: str, kind: str) -> None:
    """Whether it is a folder or a file in the original layout; a kind that is given is not guessed."""
    made = sources.controlnet(name, folders)
    assert (made.family, made.kind) == (family, kind)
    assert sources.controlnet(name, folders, kind="tile").kind == "tile"


def test_the_same_content_has_the_same_digest_elsewhere(folders: Folders, shelf: Path, tmp_path: Path) -> None:
    """A recipe from one machine is good on another."""
    shutil.copytree(shelf / "diffusers/small", tmp_path / "models/diffusers/small")
    there = Folders(models=(tmp_path / "models",), state=None)
    recipe = sources.checkpoint("small", folders).model
    assert sources.checkpoint("small", there).model == recipe
    assert sources.locate(recipe.source, there).root == tmp_path / "models/diffusers/small"


@pytest.mark.parametrize("file", ["unet/config.json", "scheduler/scheduler_config.json", "vae/config.json"])
def test_what_decides_the_result_counts_into_the_digest(
    folders: Folders, shelf: Path, tmp_path: Path, file: str
) -> None:
    """A changed configuration or scheduler is another model; another text encoder does not change the UNet."""
    copied = shutil.copytree(shelf / "diffusers/small", tmp_path / "diffusers/small")
    changed = Folders(models=(tmp_path,))
    change(copied / "text_encoder/config.json")
    assert sources.checkpoint("small", changed).model == sources.checkpoint("small", folders).model
    assert sources.checkpoint("small", changed).clip != sources.checkpoint("small", folders).clip
    change(copied / file)
    assert sources.checkpoint("small", changed).model != sources.checkpoint("small", folders).model


def test_the_normalizer_of_pictures_counts_into_the_digest_of_the_unet(folders: Folders, tmp_path: Path) -> None:
    copied = shutil.copytree(folders.models[0] / "diffusers/small", tmp_path / "diffusers/small")
    (copied / "image_normalizer").mkdir()
    (copied / "image_normalizer/diffusion_pytorch_model.safetensors").touch()
    assert sources.checkpoint("small", Folders(models=(tmp_path,))).model != sources.checkpoint("small", folders).model


def test_what_lies_around_a_lone_unet_belongs_to_others(folders: Folders, tmp_path: Path) -> None:
    """Unless what is around it is a model, of which it is one part: then the scheduler there is its own."""
    small, there = folders.models[0] / "diffusers/small", Folders(models=(tmp_path,))
    shutil.copytree(small / "unet", tmp_path / "unet/lone")
    alone = part_sources.unet("lone", there)
    for part in ("scheduler", "vae", "image_normalizer", "tokenizer"):
        (tmp_path / "unet" / part).mkdir()
    shutil.copy(small / "vae/config.json", tmp_path / "unet/vae")
    shutil.copy(small / "scheduler/scheduler_config.json", tmp_path / "unet/scheduler")
    assert part_sources.unet("lone", there) == alone
    shutil.copy(small / "model_index.json", tmp_path / "unet")
    assert part_sources.unet("lone", there) != alone
    component = sources.locate(part_sources.unet("lone", there).source, there)
    assert component.whole == tmp_path / "unet"


def test_the_weights_of_another_part_do_not_change_the_unet(folders: Folders, tmp_path: Path) -> None:
    """Of the autoencoder only the configuration counts."""
    copied = shutil.copytree(folders.models[0] / "diffusers/small", tmp_path / "diffusers/small")
    other = {name: tensor + 1 for name, tensor in models.vae().state_dict().items()}
    save_file(other, copied / "vae/diffusion_pytorch_model.safetensors")
    changed, plain = sources.checkpoint("small", Folders(models=(tmp_path,))), sources.checkpoint("small", folders)
    assert changed.vae != plain.vae and changed.model == plain.model


def test_a_recipe_whose_files_changed_is_not_served(folders: Folders, shelf: Path, tmp_path: Path) -> None:
    """Other weights under the same name are told, not used."""
    recipe = sources.checkpoint("small", folders).model
    copied = shutil.copytree(shelf / "diffusers/small", tmp_path / "diffusers/small")
    change(copied / "unet/config.json")
    with pytest.raises(NodeError, match="files have changed"):
        sources.locate(recipe.source, Folders(models=(tmp_path,)))


def test_a_missing_part_is_named(folders: Folders) -> None:
    """A VAE alone is no base model."""
    with pytest.raises(NodeError, match="has no unet and no text_encoder: it holds vae"):
        sources.checkpoint("only_vae", folders)
    assert sources.vae("only_vae", folders).family == "sd1 or sdxl"


def test_a_folder_with_pickles_only_is_refused(shelf: Path, tmp_path: Path) -> None:
    """Nothing falls back to a pickle."""
    copied = shutil.copytree(shelf / "controlnet/small-canny", tmp_path / "controlnet/pickled")
    (copied / "diffusion_pytorch_model.safetensors").rename(copied / "diffusion_pytorch_model.bin")
    with pytest.raises(NodeError, match=r"holds diffusion_pytorch_model\.bin and no safetensors: a pickle can run"):
        sources.controlnet("pickled", Folders(models=(tmp_path,)))


@pytest.mark.parametrize("file", ["diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.bin"])
@pytest.mark.parametrize("index", [True, False])
def test_pickles_without_settings_are_told(tmp_path: Path, file: str, index: bool) -> None:
    """What the folder holds is named with the reason, whether or not it says what it is."""
    path = tmp_path / "diffusers/pickled" / file
    path.parent.mkdir(parents=True)
    path.touch()
    if index:
        (tmp_path / "diffusers/pickled/model_index.json").write_text("{}")
    with pytest.raises(NodeError, match=rf"holds {file} and no safetensors: a pickle can run"):
        sources.checkpoint("pickled", Folders(models=(tmp_path,)))


def test_a_single_file_of_another_family_is_told(tmp_path: Path) -> None:
    """Its constants are not known: the message says which are, and what to use instead."""
    unet = original.unet()
    for name in [name for name in unet if ".attn2.to_k" in name or ".attn2.to_v" in name]:
        unet[name] = unet[name].new_zeros(len(unet[name]), 4096)
    original.write(tmp_path / "checkpoints/second.safetensors", unet)
    with pytest.raises(NodeError, match=r"of the family context-4096; single files are read for sd1, sd2, sd3, sdxl"):
        sources.checkpoint("second", Folders(models=(tmp_path,)))


def test_a_lora_is_recognised(tmp_path: Path) -> None:
    """The message says what the file seems to be."""
    lora = {"lora_unet_mid_block.lora_up.weight": models.unet().conv_in.weight.data}
    original.write(tmp_path / "checkpoints/style.safetensors", lora)
    with pytest.raises(NodeError, match="looks like a LoRA"):
        sources.checkpoint("style", Folders(models=(tmp_path,)))


def test_an_estimate_counts_shared_sources_once(folders: Folders) -> None:
    """Parameters and bytes are those of the modules."""
    made = sources.checkpoint("small", folders)
    unet = sum(each.numel() for each in models.unet().state_dict().values())
    vae = sum(each.numel() for each in models.vae().state_dict().values())
    assert sources.estimate([made.model, made.vae, made.model], folders) == sources.Estimate(
        unet + vae, 4 * (unet + vae)
    )


def test_a_hub_id_is_fetched_only_when_asked(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking names the ways to fetch it; asked to fetch, what forbids fetching is told."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NodeError, match=r"controlgraph fetch some/model \(or run with --fetch\)") as told:
        sources.checkpoint("some/model", folders)
    assert "A file of that name" not in str(told.value)
    with pytest.raises(NodeError, match="HF_HUB_OFFLINE forbids"):
        sources.checkpoint("some/model", replace(folders, fetch=True))


def test_recipes_are_made_without_torch(shelf: Path) -> None:
    """Checking a graph stays quick."""
    code = (
        "import sys; from pathlib import Path; from graph_runtime import Folders;"
        "from sd_nodes import commands, sources, weights;"
        f"sources.checkpoint('single', Folders(models=(Path({str(shelf)!r}),)));"
        "raise SystemExit(any(name in sys.modules for name in ('torch', 'numpy', 'diffusers', 'transformers')))"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
