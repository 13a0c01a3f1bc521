"""Where model files are looked for: folders laid out as ComfyUI's, and its YAML files."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_runtime import Folders
from graph_runtime.file_trees import files_in
from graph_runtime.model_folders import absent_in, folders_of, kinds_in, problems_in, read_paths

A1111 = """
a111:
    base_path: {base}/stable-diffusion-webui/

    checkpoints: models/Stable-diffusion
    vae: models/VAE
    loras: |
         models/Lora
         models/LyCORIS
    upscale_models: |
                  models/ESRGAN
                  models/RealESRGAN
    embeddings: embeddings
    controlnet: models/ControlNet
"""


def touch(*paths: Path) -> None:
    """Make empty files."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path: Path, text: str) -> Path:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_models_folder_holds_each_kind_in_folders_of_its_own(tmp_path: Path) -> None:
    """Old and new names of a kind are one kind."""
    both = (tmp_path / "text_encoders", tmp_path / "clip")
    assert folders_of([tmp_path], "clip") == folders_of([tmp_path], "text_encoders") == both
    assert folders_of([tmp_path], "unet") == (tmp_path / "unet", tmp_path / "diffusion_models")
    assert folders_of([tmp_path], "controlnet") == (tmp_path / "controlnet", tmp_path / "t2i_adapter")
    assert folders_of([tmp_path], "ipadapter") == (tmp_path / "ipadapter",)


def test_the_folder_of_a_comfyui_means_the_models_in_it(tmp_path: Path) -> None:
    """With the YAML file that lies beside them."""
    (tmp_path / "ComfyUI/models/loras").mkdir(parents=True)
    write(tmp_path / "ComfyUI/extra_model_paths.yaml", "more:\n    base_path: ../disk\n    loras: loras\n")
    expected = (tmp_path / "ComfyUI/models/loras", tmp_path / "disk/loras")
    assert folders_of([tmp_path / "ComfyUI"], "loras") == expected
    assert folders_of([tmp_path / "ComfyUI/models"], "loras") == expected


def test_the_layout_of_another_program_as_its_example_has_it(tmp_path: Path) -> None:
    """Several folders of one kind, a line each."""
    file = write(tmp_path / "paths.yaml", A1111.format(base=tmp_path))
    base = tmp_path / "stable-diffusion-webui"
    folders = Folders(models=(file,))
    assert folders.of("checkpoints") == (base / "models/Stable-diffusion",)
    assert folders.of("loras") == (base / "models/Lora", base / "models/LyCORIS")
    assert folders.of("embeddings") == (base / "embeddings",)
    assert folders.of("gligen") == ()


def test_sections_that_are_default_come_before_everything(tmp_path: Path) -> None:
    """The others come in the order in which they stand."""
    text = "one: {base_path: a, loras: x}\ntwo: {base_path: b, is_default: true, loras: x}\nthree: {loras: [y, z]}\n"
    file = write(tmp_path / "paths.yaml", text)
    found = folders_of([tmp_path / "models", file], "loras")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["b/x", "models/loras", "a/x", "y", "z"]


def test_of_several_that_are_default_the_last_comes_first(tmp_path: Path) -> None:
    """As in ComfyUI, which puts each in front of what it knows: sections, lines, and a folder named once more."""
    text = "one: {base_path: a, is_default: 1, loras: x}\ntwo: {base_path: b, is_default: true, loras: 'y\n\n z'}\n"
    file = write(tmp_path / "paths.yaml", text + "three: {is_default: true, loras: models/loras}\n")
    found = folders_of([tmp_path / "models", file], "loras")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["models/loras", "b/z", "b/y", "a/x"]


def test_what_leads_nowhere_or_is_no_folder_is_told(tmp_path: Path) -> None:
    """A disk that is not mounted, a path of another system, a number; the rest counts all the same."""
    text = (
        "a:\n  base_path: /mnt/gone/\n  vae: vae\nb:\n  base_path: 'D:\\AI'\n  loras: 5\n  vae: [1]\nc: {vae: good}\n"
    )
    file = write(tmp_path / "x.yaml", text)
    assert problems_in([file]) == [
        f"{file}: found 5 as loras of b, needs a folder or a list of them.",
        f"{file}: found [1] as vae of b, needs a folder or a list of them.",
    ]
    assert absent_in([file]) == [
        f"{file}: the base_path of a, /mnt/gone/, is not there.",
        f"{file}: the base_path of b, D:\\AI, is not there.",
    ]
    assert folders_of([file], "vae") == (Path("/mnt/gone/vae"), tmp_path / "good")


def test_paths_may_hold_the_home_variables_and_slashes_of_either_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people write them on their own machines."""
    monkeypatch.setenv("DISK", str(tmp_path / "disk"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = "a: {base_path: $DISK, vae: 'models\\VAE'}\nb: {base_path: ~/sd, vae: vae}\nc: {vae: /abs/vae}\nd:\n"
    found = folders_of([write(tmp_path / "x.yml", text)], "vae")
    assert found == (tmp_path / "disk/models/VAE", tmp_path / "home/sd/vae", Path("/abs/vae"))


def test_a_file_without_sections_is_one_section(tmp_path: Path) -> None:
    """Whoever forgets the heading means what stands there all the same."""
    file = write(tmp_path / "x.yaml", "base_path: here\nclip: words\ncustom_nodes: nodes\n")
    assert folders_of([file], "text_encoders") == (tmp_path / "here/words",)
    assert "custom_nodes" not in kinds_in([file])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n  loras: [x\n", "is no YAML at line 3"),
        ("a:\n\tloras: x\n", "is no YAML at line 2"),
        ("- a\n- b\n", "found a list, needs sections"),
        ("!!python/object/apply:os.system ['true']\n", "is no YAML at line 1"),
        ("[" * 2000, "is no YAML"),
        ("a: \x00", "is no YAML"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, told: str) -> None:
    """And lists nothing; nothing in it is ever run."""
    file = write(tmp_path / "x.yaml", text)
    (problem,) = problems_in([file])
    assert str(file) in problem
    assert told in problem
    assert folders_of([file], "loras") == ()


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    """It was named, so it is missed."""
    assert "No such file" in read_paths(tmp_path / "x.yaml").problem


@given(st.text(max_size=80))
def test_no_text_makes_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """It becomes places, or a problem."""
    file = tmp_path_factory.mktemp("yaml") / "x.yaml"
    file.write_text(text, encoding="utf-8", errors="replace", newline="")
    found = read_paths(file)
    assert not (found.places and found.problem)


def test_a_changed_file_counts_as_it_is_now(tmp_path: Path) -> None:
    """A server reads it while the user edits it."""
    file = write(tmp_path / "x.yaml", "a: {loras: one}")
    assert folders_of([file], "loras") == (tmp_path / "one",)
    write(file, "a: {loras: two}")
    os.utime(file, ns=(1, 1))
    assert folders_of([file], "loras") == (tmp_path / "two",)


def test_the_kinds_are_those_of_comfyui_and_what_else_lies_there(tmp_path: Path) -> None:
    """Under one name each."""
    (tmp_path / "clip").mkdir()
    (tmp_path / "ipadapter").mkdir()
    (tmp_path / "configs").mkdir()
    found = kinds_in([tmp_path, write(tmp_path / "x.yaml", "a: {pulid: p, unet: u}")])
    assert {"checkpoints", "text_encoders", "diffusion_models", "ipadapter", "pulid"} <= set(found)
    assert not {"clip", "unet", "configs"} & set(found)


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    """Each folder is entered once."""
    touch(tmp_path / "disk/sd/b.safetensors", tmp_path / "models/a.safetensors", tmp_path / "models/.git/c.safetensors")
    (tmp_path / "models/more").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/sd/round").symlink_to(tmp_path / "models")
    (tmp_path / "models/self").symlink_to(tmp_path / "models")
    (tmp_path / "models/gone.safetensors").symlink_to(tmp_path / "nowhere")
    assert files_in(tmp_path / "models", lambda name: True) == ["a.safetensors", "more/sd/b.safetensors"]
    assert files_in(tmp_path / "nowhere", lambda name: True) == []


def test_a_list_that_is_remembered_sees_every_change(tmp_path: Path) -> None:
    """Right after the folder was made, and long after; in folders behind links too, and those that go away."""
    touch(tmp_path / "disk/a", tmp_path / "models/b")
    (tmp_path / "models/more").symlink_to(tmp_path / "disk")

    def listed() -> list[str]:
        return files_in(tmp_path / "models", lambda name: True)

    assert listed() == ["b", "more/a"]
    touch(tmp_path / "disk/c")
    assert listed() == ["b", "more/a", "more/c"]
    for folder in ("disk", "models"):
        os.utime(tmp_path / folder, ns=(1, 1))
    assert listed() == listed() == ["b", "more/a", "more/c"]
    (tmp_path / "disk/a").unlink()
    assert listed() == ["b", "more/c"]
    (tmp_path / "disk").rename(tmp_path / "gone")
    assert listed() == ["b"]


def test_ten_thousand_files_are_listed_in_no_time(tmp_path: Path) -> None:
    """In a hundred folders."""
    for folder in range(100):
        (tmp_path / f"{folder}").mkdir()
        for file in range(100):
            (tmp_path / f"{folder}/{file}.safetensors").touch()
    start = time.perf_counter()
    assert len(files_in(tmp_path, lambda name: name.endswith(".safetensors"))) == 10_000
    assert time.perf_counter() - start < 2


def test_a_link_to_itself_is_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    """It hides nothing of what lies beside it."""
    touch(tmp_path / "a.safetensors", tmp_path / "z/b.safetensors")
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    assert files_in(tmp_path, lambda name: True) == ["a.safetensors", "z/b.safetensors"]
