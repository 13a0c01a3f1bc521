"""`controlgraph nodes`: the library, a category, one node."""

from __future__ import annotations

import json

import pytest

from .conftest import Cli

WASH = """WashApples: Wash Apples
  kitchen, version 1, runs on cpu

  Wash apples, one step after the other.

Inputs
  apples   Apples, required
           What to wash.
  steps    integer, 0 to 10000, default 3
           How often.
  seconds  number, default 0.0
           How long each step takes.

Outputs
  clean  Apples
         The same apples.
"""


def test_one_node(cli: Cli) -> None:
    assert cli("nodes", "WashApples").stdout == WASH


@pytest.mark.parametrize("name", ["wash apples", "washapples", "Wash Apples"])
def test_a_node_by_its_title(cli: Cli, name: str) -> None:
    assert cli("nodes", name).stdout == WASH


def test_the_library_by_category(cli: Cli) -> None:
    lines = cli("nodes").stdout.splitlines()
    assert lines.index("kitchen") < lines.index("kitchen/paper") < lines.index("orchard")
    listed = next(line for line in lines if line.startswith("  Label "))
    assert listed.split(maxsplit=1) == ["Label", "Write a label."]


def test_a_category(cli: Cli) -> None:
    lines = cli("nodes", "kitchen").stdout.splitlines()
    assert "kitchen/paper" in lines and "orchard" not in lines


def test_choices_and_texts(cli: Cli) -> None:
    assert "  kind   one of russet, gala, fuji, default " in cli("nodes", "PickApples").stdout
    assert '  text  text, several lines, default "fresh"' in cli("nodes", "Label").stdout
    assert "  recipe  text, one of the files there, required" in cli("nodes", "ReadRecipe").stdout


def test_a_node_that_two_packs_have_is_told(cli: Cli) -> None:
    pack = cli.folder / "more/mine.py"
    pack.parent.mkdir()
    pack.write_text("from graph_runtime import node\n@node('Label')\ndef label(n: int = 0) -> int:\n    return n\n")
    found = cli("nodes", "Label", "--nodes", pack.parent)
    assert found.exit_code == 0
    assert found.stderr == "warning: the pack apples has Label too; what mine has counts.\n"


def test_choices_that_are_there(cli: Cli) -> None:
    (cli.folder / "input").mkdir()
    (cli.folder / "input/pie.txt").write_text("")
    assert "  recipe  text, for instance pie.txt, required" in cli("nodes", "ReadRecipe").stdout


def test_an_unknown_node_names_the_nearest(cli: Cli) -> None:
    found = cli("nodes", "WashAple")
    assert found.exit_code == 2
    assert 'there is no node or category "WashAple". Did you mean WashApples?' in found.stderr


def test_json(cli: Cli) -> None:
    found = json.loads(cli("nodes", "PickApples", "--json").stdout)
    assert (found["id"], found["title"], found["category"]) == ("PickApples", "Pick Apples", "orchard")
    kind, count = found["inputs"]
    assert (kind["type"], kind["choices"], kind["default"]) == ("choice", ["russet", "gala", "fuji"], "gala")
    assert (count["type"], count["low"], count["high"], count["required"]) == ("integer", 1, 1000, False)
    assert [output["name"] for output in found["outputs"]] == ["apples"]


def test_json_of_everything(cli: Cli) -> None:
    assert {"PickApples", "ServeApples"} <= {node["id"] for node in json.loads(cli("nodes", "--json").stdout)}


def test_torch_stays_out(cli: Cli) -> None:
    process = cli.start("nodes", "PickApples", env={"PYTHONPROFILEIMPORTTIME": "1"})
    _, err = process.communicate(timeout=60)
    imported = {line.rpartition(b"|")[2].strip().decode() for line in err.splitlines()}
    assert "graph_runtime.cli" in imported and "torch" not in imported
