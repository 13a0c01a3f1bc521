"""The modules that packs import, one by one."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from graph_runtime import Folders, Interrupted, NodeError, Progress
from graph_runtime.comfy.packs.arguments import loaded
from graph_runtime.comfy.packs.calling import Call, entered
from graph_runtime.comfy.packs.modules import importable
from graph_runtime.comfy.packs.shims import folder_paths, graph_utils, model_management, node_helpers, samplers
from graph_runtime.comfy.packs.shims.comfy_types import IO
from tests.comfy.packs.kitchen import places


@pytest.fixture
def here(tmp_path: Path):
    with entered(Call(places(tmp_path))):
        yield tmp_path


def test_folders_are_those_of_the_call(here: Path) -> None:
    assert folder_paths.get_input_directory() == str(here / "input")
    assert folder_paths.models_dir == str(here / "models")
    with entered(Call(Folders(input=here / "other"))):
        assert folder_paths.get_input_directory() == str(here / "other")
    with pytest.raises(AttributeError):
        folder_paths.no_such_folder  # noqa: B018 - looking is the point


def test_models_are_listed_and_found_inside_their_folders(here: Path) -> None:
    (here / "models" / "loras" / "deep").mkdir(parents=True)
    for name in ("loras/a.safetensors", "loras/deep/b.pt", "loras/notes.txt", "secret.safetensors"):
        (here / "models" / name).touch()
    assert folder_paths.get_filename_list("loras") == ["a.safetensors", "deep/b.pt"]
    assert folder_paths.get_full_path("loras", "a.safetensors") == str(here / "models" / "loras" / "a.safetensors")
    assert folder_paths.get_full_path("loras", "../secret.safetensors") is None
    with pytest.raises(FileNotFoundError):
        folder_paths.get_full_path_or_raise("loras", "none.pt")


def test_annotated_names(here: Path) -> None:
    (here / "input" / "cat.png").touch()
    assert folder_paths.get_annotated_filepath("cat.png [temp]") == str(here / "temp" / "cat.png")
    assert folder_paths.exists_annotated_filepath("cat.png")
    assert not folder_paths.exists_annotated_filepath("../input/../models")


def test_numbers_of_saved_pictures_go_on(here: Path) -> None:
    output = str(here / "output")
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path("day/%width%x", output, 64, 32)
    assert (folder, name, counter, subfolder) == (str(here / "output" / "day"), "64x", 1, "day")
    (here / "output" / "day" / "64x_00007_.png").touch()
    assert folder_paths.get_save_image_path("day/%width%x", output, 64, 32)[2] == 8
    with pytest.raises(ValueError, match="leads out"):
        folder_paths.get_save_image_path("../../x", output)


def test_builders_of_one_call_have_prefixes_of_their_own_and_the_same_in_each_call() -> None:
    def ids() -> list[str]:
        with entered(Call()):
            return [graph_utils.GraphBuilder().node("A").id for _ in range(2)]

    assert ids() == ids() == ["~0.1", "~1.1"]


def test_a_builder_replaces_and_removes() -> None:
    builder = graph_utils.GraphBuilder("p.")
    first, second = builder.node("A", "first"), builder.node("B", "second")
    second.set_input("x", first.out(1))
    second.set_input("y", 2)
    builder.replace_node_output("first", 1, ["outside", 0])
    builder.remove_node("first")
    assert builder.finalize() == {"p.second": {"class_type": "B", "inputs": {"x": ["outside", 0], "y": 2}}}
    renamed, outputs = graph_utils.add_graph_prefix({"1": {"inputs": {"x": ["2", 0]}}, "2": {}}, [["1", 0], 5], "q.")
    assert renamed["q.1"]["inputs"] == {"x": ["q.2", 0]} and outputs == (["q.1", 0], 5)


@pytest.mark.parametrize(
    ("value", "link"), [(["1", 0], True), (["1", "a"], False), ([1, 0], False), (["1", 0, 2], False), ("1", False)]
)
def test_links(value: object, link: bool) -> None:
    assert graph_utils.is_link(value) is link


def test_asking_whether_the_run_was_cancelled() -> None:
    assert not model_management.processing_interrupted()
    with entered(Call(progress=Progress(cancelled=lambda: True))):
        assert model_management.processing_interrupted()
        with pytest.raises(Interrupted):
            model_management.throw_exception_if_processing_interrupted()


def test_words_of_types_are_texts() -> None:
    assert f"{IO.IMAGE}" == "IMAGE" and IO.IMAGE != "LATENT"
    assert not (IO.ANY != "LATENT")  # noqa: SIM202 - the comparison that is made


def test_options_are_set_on_conditions() -> None:
    before = [["tensor", {"a": 1, "list": [1]}]]
    assert node_helpers.conditioning_set_values(before, {"b": 2}) == [["tensor", {"a": 1, "list": [1], "b": 2}]]
    grown = node_helpers.conditioning_set_values(before, {"list": [2]}, append=True)
    assert grown[0][1]["list"] == [1, 2] and before[0][1]["list"] == [1]


def test_a_module_that_is_being_imported_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    partial = type(pytest)("halfway")
    partial.__spec__ = ModuleSpec("halfway", None)
    monkeypatch.setitem(sys.modules, "halfway", partial)
    assert loaded("halfway") is partial
    partial.__spec__._initializing = True
    assert loaded("halfway") is None and loaded("nowhere") is None


def test_what_is_not_here_can_be_imported_and_says_so() -> None:
    with importable():
        import comfy.sd
        from comfy.samplers import KSampler

        assert KSampler.SAMPLERS is samplers.SAMPLER_NAMES
        with pytest.raises(NodeError, match=r"comfy\.sd\.load_checkpoint is not offered here"):
            comfy.sd.load_checkpoint()
