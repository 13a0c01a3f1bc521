"""`controlgraph run --each`: one run for each value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import Cli


def names(cli: Cli, *sweeps: str) -> list[list[str]]:
    """What each run was given, of a workflow whose file is named after its apples."""
    found = cli("run", "plate.json", "--json", *(part for sweep in sweeps for part in ("--each", sweep)))
    assert found.exit_code == 0, found.output
    events = [json.loads(line) for line in found.stdout.splitlines()]
    return [event["set"] for event in events if event["event"] == "run_started"]


def test_a_run_for_each_number(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--each", "1.count=1,2, 5")
    assert found.exit_code == 0
    assert [line for line in found.stderr.splitlines() if line.endswith(":")] == [
        f"(1/3) {plate} [1.count=1]:",
        f"(2/3) {plate} [1.count=2]:",
        f"(3/3) {plate} [1.count=5]:",
    ]
    assert found.stderr.splitlines()[-1] == "3 runs: 3 done"
    assert (cli.folder / "output/plate.txt").read_text() == "5 fuji so fresh"


def test_each_saved_file_stands_below_its_run(cli: Cli, plate: Path) -> None:
    """On the standard output alone, and where both streams are one, without a heading twice."""
    arguments = ("run", plate, "--no-cache", "--each", "1.count=1,2")
    found = [line for line in cli(*arguments).stdout.splitlines() if "apples" not in line.lower()]
    expected = [part for n in (1, 2) for part in (f"({n}/2) {plate} [1.count={n}]:", "saved output/plate.txt")]
    assert found == expected
    out, _ = cli.start(*arguments, stderr=subprocess.STDOUT).communicate(timeout=60)
    assert [line for line in out.decode().splitlines() if line in expected] == expected


def test_what_the_runs_share_is_computed_once(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--each", '3.text=["a, b", "c"]')
    assert found.stderr.count("Wash well (2)") == 1
    assert "2 of 4 nodes ran, 1 from the cache" in found.stderr


def test_every_value_of_one_with_every_value_of_the_other(cli: Cli, plate: Path) -> None:
    assert names(cli, "1.count=1..2", "1.kind=fuji,gala") == [
        ["1.count=1", "1.kind=fuji"],
        ["1.count=1", "1.kind=gala"],
        ["1.count=2", "1.kind=fuji"],
        ["1.count=2", "1.kind=gala"],
    ]
    assert names(cli, "1.count=3..1") == [["1.count=3"], ["1.count=2"], ["1.count=1"]]


def test_texts_come_a_line_each(cli: Cli, plate: Path) -> None:
    (cli.folder / "labels.txt").write_text("crisp, red\n\n1.50\n", encoding="utf-8-sig")
    assert names(cli, "3.text=@labels.txt") == [["3.text=crisp, red"], ["3.text=1.50"]]


def test_files_by_a_pattern(cli: Cli) -> None:
    (cli.folder / "input").mkdir()
    for name in ("pie.txt", "tart.txt", "note.md"):
        (cli.folder / "input" / name).write_text(name)
    nodes = {
        "1": {"class_type": "ReadRecipe", "inputs": {"recipe": "pie.txt"}},
        "2": {"class_type": "PickApples"},
        "3": {"class_type": "ServeApples", "inputs": {"apples": ["2", 0], "label": ["1", 0]}},
    }
    cli.write("plate.json", nodes)
    assert names(cli, "1.recipe=*.txt") == [["1.recipe=pie.txt"], ["1.recipe=tart.txt"]]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("3.text=a,b", "a text may hold commas: needs @FILE"),
        ("3.text=@none.txt", "none.txt cannot be read: No such file or directory."),
        ("3.text=@~nobody-of-that-name/a.txt", "~nobody-of-that-name/a.txt cannot be read: Could not determine home"),
        ("1.count=", "there are no values."),
        ("1.count=0..99999", "more than 10,000 runs"),
        ("1.counts=1,2", "there is no such input; PickApples takes kind, count. Did you mean count?"),
        ("5.count=1", 'there is no node with the id or title "5".'),
        ("count", "needs the form NODE.INPUT="),
    ],
)
def test_a_sweep_that_is_none(cli: Cli, plate: Path, sweep: str, message: str) -> None:
    found = cli("run", plate, "--each", sweep)
    assert found.exit_code == 2
    assert found.stderr.startswith(f"--each {sweep}: ") and message in found.stderr
    assert not (cli.folder / "output").exists()


def test_nothing_runs_unless_every_value_fits(cli: Cli, plate: Path) -> None:
    """What is wrong with several runs alike is told once."""
    found = cli("run", plate, "--each", "1.count=1,-1", "--each", "3.text=[1, 2]")
    assert found.exit_code == 2
    assert found.stderr.count("input count: found -1") == 1
    assert "plate.json [1.count=-1; 3.text=1]: 1 problem" in found.stderr
    assert not (cli.folder / "output").exists()


def test_a_run_that_fails_stops_no_other(cli: Cli, plate: Path) -> None:
    nodes = json.loads(plate.read_text())
    nodes["2"] = {"class_type": "DropApples", "inputs": {"apples": ["1", 0], "how": "softly"}}
    nodes["4"]["inputs"]["apples"] = ["2", 0]
    file = cli.write("dropped.json", nodes)
    found = cli("run", file, "--each", "2.how=foreseen,softly")
    assert found.exit_code == 1
    assert found.stderr.splitlines()[-1] == "2 runs: 1 done, 1 failed"
