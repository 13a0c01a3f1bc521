"""Packs are found, read, described, and kept apart from everything else."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from graph_runtime import Folders, Library, discover
from graph_runtime.comfy.dialect import ComfyPacks
from graph_runtime.comfy.packs.digests import digest_of_pack
from graph_runtime.comfy.packs.foreign import ForeignNode, ForeignPack, foreign_packs
from graph_runtime.comfy.packs.loading import Comfy
from graph_runtime.comfy.packs.modules import importable
from graph_runtime.comfy.schema import entry, object_info
from graph_runtime.discovery import of_point
from tests.comfy.packs.kitchen import SHELF, load


def test_a_pack_that_fails_stops_nothing_else(shelf: Library) -> None:
    assert {pack.name for pack in shelf.packs} == {"kitchen-v1.0", "pantry"}
    reasons = {failure.name: failure.reason for failure in shelf.failures}
    assert "a_library_that_nobody_has" in reasons["burnt"]
    assert "INPUT_TYPES" in reasons["kitchen-v1.0, node KitchenBroken"]


@pytest.mark.parametrize("name", ["comfy", "comfy.utils", "comfy_api.latest", "folder_paths", "server", "nodes"])
def test_modules_are_there_only_while_packs_load_and_run(shelf: Library, name: str) -> None:
    assert name not in sys.modules
    with importable():
        with importable():
            assert name in sys.modules
        assert name in sys.modules
    assert name not in sys.modules


def test_a_real_module_is_not_shadowed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(sys)("folder_paths")
    monkeypatch.setitem(sys.modules, "folder_paths", real)
    with importable():
        assert sys.modules["folder_paths"] is real
    assert sys.modules["folder_paths"] is real


def test_a_node_is_described_in_the_words_of_its_class(shelf: Library, folders: Folders) -> None:
    said = entry(shelf["KitchenNumber"], "kitchen-v1.0", folders)
    options = {"default": 3, "min": 0, "max": 10, "step": 1, "tooltip": "Which."}
    assert said["input"] == {"required": {"value": ["INT", options]}}
    assert (said["display_name"], said["output"], said["output_name"]) == ("A Number", ["INT"], ["number"])
    assert said["output_tooltips"] == ["The same."]
    restless = entry(shelf["KitchenRestless"], "kitchen-v1.0", folders)
    assert restless["deprecated"] is True and restless["experimental"] is True


def test_a_newer_node_is_described_as_an_older_one(shelf: Library, folders: Folders) -> None:
    said = entry(shelf["PantryJar"], "pantry", folders)
    required = {
        "count": ["INT", {"default": 2, "min": 0, "max": 9, "display": "slider"}],
        "what": ["COMBO", {"default": "pears", "options": ["plums", "pears"]}],
    }
    assert said["input"]["required"] == required
    assert said["input"]["optional"]["extra"][0] == "INT,FLOAT"


def test_all_descriptions_are_json(shelf: Library, folders: Folders) -> None:
    assert json.loads(json.dumps(object_info(shelf, folders), allow_nan=False)).keys() == shelf.keys()


def test_lists_of_files_are_described_as_they_are_now(shelf: Library, folders: Folders) -> None:
    (folders.input / "b.png").touch()
    said = entry(shelf["KitchenFiles"], "kitchen-v1.0", folders)
    assert said["input"]["required"]["file"] == [["b.png"], {"image_upload": True}]


def test_scripts_and_routes_of_a_pack(shelf: Library) -> None:
    (pack,) = (pack for pack in foreign_packs(shelf) if pack.name == "kitchen-v1.0")
    assert pack.web == SHELF / "kitchen-v1.0" / "js"
    assert [route[:2] for route in pack.routes] == [("GET", "/kitchen/menu")]


def test_names_with_hyphens_and_dots_stay_apart(tmp_path: Path) -> None:
    for name in ("a-b", "a.b", "a_b"):
        (tmp_path / name).mkdir()
        body = "import os\nNODE_CLASS_MAPPINGS = {}\nWHERE = os.path.basename(os.path.dirname(__file__))\n"
        (tmp_path / name / "__init__.py").write_text(body)
    library = load(Folders(), shelf=tmp_path)
    assert [pack.name for pack in library.packs] == ["a-b", "a.b", "a_b"]
    names = [name for name in sys.modules if name.startswith("graph_runtime_pack_a_")]
    assert {sys.modules[name].WHERE for name in names} == {"a-b", "a.b", "a_b"}


def test_the_digest_of_a_pack_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    file = tmp_path / "pack" / "a.py"
    file.write_text("1")
    first = digest_of_pack(tmp_path / "pack")
    (tmp_path / "pack" / "__pycache__").mkdir()
    (tmp_path / "pack" / "__pycache__" / "a.pyc").write_text("made")
    assert digest_of_pack(tmp_path / "pack") == first
    file.write_text("2")
    assert digest_of_pack(tmp_path / "pack") != first


def test_results_depend_on_the_files_of_the_pack(shelf: Library) -> None:
    assert shelf.environments["pantry"] == {"files": digest_of_pack(SHELF / "pantry.py")}


def test_nodes_are_foreign(shelf: Library) -> None:
    assert all(isinstance(node, ForeignNode) for node in shelf.values())
    assert all(isinstance(pack, ForeignPack) for pack in shelf.packs)


def test_a_pack_is_prepared_before_it_is_imported(shelf: Library) -> None:
    assert sys.modules.pop("kitchen_is_prepared").get_input_directory()
    assert "KitchenNumber" in shelf


@pytest.mark.parametrize("group", ["graph_runtime.nodes", "comfyui.custom_nodes"])
def test_an_installed_pack_is_found(group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cellar" / "web").mkdir(parents=True)
    source = (SHELF / "pantry.py").read_text() + f"\nWEB_DIRECTORY = 'web'\nGROUP = {group!r}\n"
    (tmp_path / "cellar" / "__init__.py").write_text(source)
    facts = tmp_path / "cellar-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Name: cellar\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{group}]\ncellar = cellar\nnone = no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    library = discover((), ComfyPacks(Folders()))
    del sys.modules["cellar"]
    (pack,) = foreign_packs(library)
    assert (pack.name, pack.web) == ("cellar", tmp_path / "cellar" / "web") and "PantryJar" in pack.nodes
    assert [failure.name for failure in library.failures] == ["none"]


def test_an_installed_package_imports_what_packs_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages that an entry point's module lies in are imported where ComfyUI's modules are there."""
    package = tmp_path / "orchard_pack"
    (package / "nodes_pear").mkdir(parents=True)
    (package / "__init__.py").write_text("import folder_paths\n")
    source = "class Pear:\n    RETURN_TYPES = ('INT',)\n    FUNCTION = 'f'\n    @classmethod\n"
    source += "    def INPUT_TYPES(cls): return {'required': {}}\n    def f(self): return (1,)\n"
    (package / "nodes_plum.py").write_text(f"{source}NODE_CLASS_MAPPINGS = {{'Plum': Pear}}\n")
    (package / "nodes_pear/__init__.py").write_text(f"{source}NODE_CLASS_MAPPINGS = {{'Pear': Pear}}\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("plum", "pear"):
        point = EntryPoint(name, f"orchard_pack.nodes_{name}", "comfyui.custom_nodes")
        library = of_point(point, Library(), Comfy(Folders()))
        assert not library.failures and list(library) == [name.title()]
        for module in [module for module in sys.modules if module.startswith("orchard_pack")]:
            del sys.modules[module]
