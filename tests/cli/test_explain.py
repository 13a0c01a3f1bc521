"""`controlgraph explain`: what would run, and the first thing that differs from the last run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import PACKS, Cli


def told(cli: Cli, *args: object) -> dict[str, str]:
    """The reason of each node that would run."""
    found = cli("explain", *args)
    assert found.exit_code == 0, found.output
    rows = [line.split(maxsplit=1)[1] for line in found.stdout.splitlines() if line.startswith("  runs ")]
    return {name.strip(): reason.strip() for name, _, reason in (row.partition("  ") for row in rows)}


def test_before_the_first_run(cli: Cli, plate: Path) -> None:
    found = cli("explain", plate)
    assert found.stdout.splitlines() == [
        f"{plate}: 4 of 4 nodes would run",
        "  runs   Pick Apples (1)   it never ran",
        "  runs   Wash well (2)     it never ran",
        "  runs   Label (3)         it never ran",
        "  runs   Serve Apples (4)  it never ran",
    ]


def test_explaining_runs_and_writes_nothing(cli: Cli, plate: Path) -> None:
    cli("explain", plate)
    assert {path.name for path in cli.folder.iterdir()} == {"plate.json"}


def test_after_a_run(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    assert cli("explain", plate).stdout.splitlines() == [
        f"{plate}: 0 of 4 nodes would run, 1 from the cache, 3 not needed",
        "  cache  Serve Apples (4)",
    ]


def test_a_changed_value_and_what_depends_on_it(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    assert told(cli, plate, "--set", "2.steps=9") == {
        "Wash well (2)": "its input steps was 3, is 9",
        "Serve Apples (4)": "node 2 (Wash well) runs",
    }


def test_a_source_that_gives_another_kept_result(cli: Cli, plate: Path) -> None:
    cli("run", plate, "--set", "2.steps=9", "--to", "2")
    cli("run", plate)
    reason = "node 2 (Wash well) gives another result than in the last run"
    assert told(cli, plate, "--set", "2.steps=9") == {"Serve Apples (4)": reason}


def test_a_saved_file_that_was_changed(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    (cli.folder / "output/plate.txt").write_text("eaten")
    assert told(cli, plate) == {"Serve Apples (4)": "what it saved is no longer there as it left it"}
    assert set(told(cli, plate, "--out", "elsewhere")) == {"Serve Apples (4)"}


def test_results_that_are_no_longer_kept(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    cli("cache", "clear")
    assert set(told(cli, plate).values()) == {"its result is no longer kept"}
    assert set(told(cli, plate, "--no-cache").values()) == {"its result is no longer kept"}


def test_other_links(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    nodes = json.loads(plate.read_text())
    nodes["4"]["inputs"]["apples"] = ["1", 0]
    nodes["4"]["inputs"]["label"] = "none"
    plate.write_text(json.dumps(nodes))
    assert told(cli, plate) == {"Serve Apples (4)": 'its input label came from node 3 (Label), is "none"'}
    nodes["4"]["inputs"]["label"] = ["3", 0]
    plate.write_text(json.dumps(nodes))
    reason = "its input apples came from node 2 (Wash well), and comes from node 1 (Pick Apples)"
    assert told(cli, plate) == {"Serve Apples (4)": reason}


def test_a_changed_file(cli: Cli) -> None:
    (cli.folder / "input").mkdir()
    recipe = cli.folder / "input/pie.txt"
    recipe.write_text("bake")
    nodes = {
        "1": {"class_type": "ReadRecipe", "inputs": {"recipe": "pie.txt"}},
        "2": {"class_type": "PickApples"},
        "3": {"class_type": "ServeApples", "inputs": {"apples": ["2", 0], "label": ["1", 0]}},
    }
    file = cli.write("recipe.json", nodes)
    cli("run", file)
    recipe.write_text("bake longer")
    assert told(cli, file) == {
        "Read Recipe (1)": "the file it reads changed",
        "Serve Apples (3)": "node 1 (Read Recipe) runs",
    }


def test_a_node_that_is_never_kept(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "Weather"},
        "2": {"class_type": "PickApples"},
        "3": {"class_type": "ServeApples", "inputs": {"apples": ["2", 0], "label": ["1", 0]}},
    }
    file = cli.write("weather.json", nodes)
    cli("run", file)
    assert told(cli, file) == {"Weather (1)": "its results are never kept", "Serve Apples (3)": "node 1 (Weather) runs"}


def test_a_changed_node(cli: Cli) -> None:
    folder = cli.folder / "packs"
    folder.mkdir()
    pack = folder / "mottos.py"
    source = (
        PACKS.joinpath("apples.py")
        .read_text()
        .replace("def label(", "def motto(")
        .replace('node("Label"', 'node("Motto"')
    )
    pack.write_text(source)
    nodes = {
        "1": {"class_type": "Motto"},
        "2": {"class_type": "PickApples"},
        "3": {"class_type": "ServeApples", "inputs": {"apples": ["2", 0], "label": ["1", 0]}},
    }
    file = cli.write("motto.json", nodes)
    assert cli("run", file, "--nodes", folder).exit_code == 0
    pack.write_text(source.replace('node("Motto"', 'node("Motto", version=2'))
    assert told(cli, file, "--nodes", folder) == {
        "Motto (1)": "its node changed from version 1 to 2",
        "Serve Apples (3)": "node 1 (Motto) runs",
    }


def test_a_failed_run_is_remembered_as_far_as_it_got(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    nodes = json.loads(plate.read_text())
    nodes["2"] = {"class_type": "DropApples", "inputs": {"apples": ["1", 0], "how": "foreseen"}}
    nodes["4"]["inputs"]["apples"] = ["2", 0]
    nodes["3"]["inputs"]["text"] = "new"
    plate.write_text(json.dumps(nodes))
    assert cli("run", plate).exit_code == 1
    assert told(cli, plate) == {
        "Drop Apples (2)": 'it was "WashApples" in the last run',
        "Serve Apples (4)": "node 2 (Drop Apples) runs",
    }


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a basket of apples", "a basket of pears", 'its input text was "a basket of apples", is "a basket of pears"'),
        (
            f"{'sweet ' * 9}apples from the garden",
            f"{'sweet ' * 9}pears from the garden",
            'its input text was "…sweet sweet apples from the garden", is "…sweet sweet pears from the garden"',
        ),
        (
            f"{'sweet ' * 9}apples",
            f"{'sweet ' * 9}apples{' and pears' * 9}",
            'its input text was "…sweet apples", is "…sweet apples and pears and pears and pea…"',
        ),
        ("apples", f"pears{'!' * 90}", f'its input text was "apples", is "pears{"!" * 35}…"'),
    ],
)
def test_long_texts_are_cut_around_what_differs(cli: Cli, plate: Path, old: str, new: str, reason: str) -> None:
    cli("run", plate, "--set", f"3.text={old}")
    assert told(cli, plate, "--set", f"3.text={new}")["Label (3)"] == reason


def test_kept_results_stand_in_the_order_of_the_graph(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    lines = cli("explain", plate, "--set", "4.name=other").stdout.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("  cache")] == ["(2)", "(3)"]


def test_json(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    found = json.loads(cli("explain", plate, "--json", "--set", "4.name=other").stdout)
    assert found == {
        "file": str(plate),
        "runs": [{"node": "4", "reason": 'its input name was "plate", is "other"'}],
        "reused": ["2", "3"],
        "known": [],
        "idle": 1,
    }


@pytest.mark.parametrize(
    "content", ["", "[", "[]", "3", '{"version": 1}', '{"version": 1, "file": "", "steps": {"1": 3}}']
)
def test_a_damaged_record_is_no_record(cli: Cli, plate: Path, content: str) -> None:
    cli("run", plate, "--no-cache")
    (record,) = (cli.folder / "state/controlgraph/records").iterdir()
    record.write_text(content)
    assert set(told(cli, plate).values()) == {"it never ran"}
