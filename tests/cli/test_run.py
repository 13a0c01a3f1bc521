"""`controlgraph run`: what a user sees, gets, and finds on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d+ s|\d+:\d\d", "T s", text)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_saves_and_tells_what_it_did(cli: Cli, plate: Path) -> None:
    found = cli("run", plate)
    assert found.exit_code == 0
    assert found.stdout == "saved output/plate.txt\nServe Apples: 5 fuji\n"
    lines = timeless(found.stderr).splitlines()
    assert sorted(line.split("] ")[1] for line in lines[:4]) == [
        "Label (3): T s",
        "Pick Apples (1): T s",
        "Serve Apples (4): T s",
        "Wash well (2): T s",
    ]
    assert lines[4:] == ["made the folder output", "done in T s: 4 of 4 nodes ran"]
    assert (cli.folder / "output/plate.txt").read_text() == "5 fuji so fresh"


def test_a_second_run_computes_nothing(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    found = cli("run", plate)
    assert found.stdout == "saved output/plate.txt (unchanged)\nServe Apples: 5 fuji\n"
    assert timeless(found.stderr) == "done in T s: 0 of 4 nodes ran, 1 from the cache, 3 not needed\n"


def test_another_folder_gets_its_own_files(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    assert cli("run", plate, "--out", "elsewhere").exit_code == 0
    assert (cli.folder / "elsewhere/plate.txt").exists()


def test_only_results_and_state_are_written(cli: Cli, plate: Path) -> None:
    before = files(cli.folder)
    cli("run", plate)
    fresh = files(cli.folder) - before
    assert {name for name in fresh if not name.startswith("state/controlgraph/")} == {"output/plate.txt"}


def test_no_cache_keeps_no_results(cli: Cli, plate: Path) -> None:
    cli("run", plate, "--no-cache")
    assert not any("cache/" in name for name in files(cli.folder / "state"))
    assert "4 of 4 nodes ran" in cli("run", plate, "--no-cache").stderr


def test_state_lies_where_it_is_told(cli: Cli, plate: Path) -> None:
    cli("run", plate, "--state", "mine")
    assert any(name.startswith("cache") for name in files(cli.folder / "mine"))
    assert not (cli.folder / "state").exists()


def test_set_by_id_and_by_title(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--set", "1.count=7", "--set", "Wash well.steps=1", "--set", "3.text=1.50")
    assert found.exit_code == 0
    assert (cli.folder / "output/plate.txt").read_text() == "7 fuji 1.50"


def test_to_runs_only_what_is_needed(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--to", "Wash well")
    assert found.exit_code == 0
    assert "2 of 4 nodes ran, 2 not needed\n" in found.stderr
    assert not (cli.folder / "output").exists()


def test_that_nothing_was_saved_is_told_once(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--to", "Wash well", "--each", "1.count=1,2")
    assert found.stderr.count("nothing was saved: no node that --to names, or that these need, saves") == 1
    assert "nothing was saved" not in cli("run", plate, "--to", "4").stderr


def test_the_counts_of_a_run_add_up(cli: Cli, dropped: Callable[[str], Path]) -> None:
    """Whatever became of the nodes; those that compute the same are computed once."""
    failed = cli("run", dropped("foreseen")).stderr.splitlines()[-1]
    assert failed.endswith(": 2 of 5 nodes ran, 1 failed, 2 not run")
    again = cli("run", dropped("foreseen")).stderr.splitlines()[-1]
    assert again.endswith(": 0 of 5 nodes ran, 2 from the cache, 1 failed, 2 not run")
    nodes = {
        "1": {"class_type": "PickApples", "inputs": {"count": 7}},
        "2": {"class_type": "PickApples", "inputs": {"count": 7}},
        "3": {"class_type": "MixApples", "inputs": {"first": ["1", 0], "second": ["2", 0]}},
        "4": {"class_type": "ServeApples", "inputs": {"apples": ["3", 0]}},
        "5": {"class_type": "Label", "inputs": {}},
    }
    alike = cli("run", cli.write("alike.json", nodes)).stderr.splitlines()[-1]
    assert alike.endswith(": 3 of 5 nodes ran, 1 the same as another, 1 not needed")


def test_an_unforeseen_failure_names_node_and_place(cli: Cli, dropped: Callable[[str], Path]) -> None:
    found = cli("run", dropped("unforeseen"))
    assert found.exit_code == 1
    assert "error: node 2 (Oops): ValueError: the floor is \\x1b[31mlava [apples.py, line " in found.stderr
    assert "not run, because Oops (2) failed: Mix Apples (3), Serve Apples (4)" in found.stderr
    assert "Traceback" not in found.stderr
    assert "saved output/whole.txt" in found.stdout


def test_a_traceback_on_demand(cli: Cli, dropped: Callable[[str], Path]) -> None:
    assert "  Traceback (most recent call last):" in cli("run", dropped("unforeseen"), "--traceback").stderr


def test_a_foreseen_failure_says_what_is_needed(cli: Cli, dropped: Callable[[str], Path]) -> None:
    found = cli("run", dropped("foreseen"), "--traceback")
    assert found.exit_code == 1
    message = "found a hole in the basket, needs a whole one. Did you mean a bucket?\n"
    assert f"error: node 2 (Oops), input apples: {message}" in found.stderr
    assert "Traceback" not in found.stderr


def test_notes_of_nodes_are_shown(cli: Cli, dropped: Callable[[str], Path]) -> None:
    assert "Oops (2): that went well\n" in cli("run", dropped("softly")).stderr


def test_nothing_runs_unless_all_files_can(cli: Cli, plate: Path) -> None:
    broken = cli.write("broken.json", {"1": {"class_type": "ServApples", "inputs": {}}})
    found = cli("run", plate, broken)
    assert found.exit_code == 2
    assert "Did you mean ServeApples?" in found.stderr
    assert not (cli.folder / "output").exists()


def test_a_failing_file_does_not_stop_the_next(cli: Cli, plate: Path, dropped: Callable[[str], Path]) -> None:
    found = cli("run", dropped("unforeseen"), plate)
    assert found.exit_code == 1
    assert "saved output/plate.txt" in found.stdout
    assert f"{plate}:\n" in found.stderr


def test_json_events(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--json")
    events = [json.loads(line) for line in found.stdout.splitlines()]
    started = {"event": "run_started", "file": str(plate), "runs": ["1", "2", "3", "4"], "reused": [], "set": []}
    assert events[0] == started
    assert {"event": "node_started", "node": "2", "title": "Wash well", "class_type": "WashApples"} in events
    assert {"event": "node_progressed", "node": "2", "done": 3, "total": 3} in events
    shown = next(event for event in events if event["event"] == "node_showed")
    assert shown["text"] == ["5 fuji"]
    assert [(file["path"], file["folder"], file["media"]) for file in shown["files"]] == [
        ("output/plate.txt", "output", "text/plain")
    ]
    assert events[-1] | {"seconds": 0} == {
        "event": "run_finished",
        "file": str(plate),
        "state": "succeeded",
        "seconds": 0,
    }
    assert found.stderr == ""


def test_help_documents_every_field_of_json_events(cli: Cli, plate: Path, dropped: Callable[[str], Path]) -> None:
    documented = {}
    for line in cli("run", "--help").stdout.splitlines():
        if found := re.match(r"    ([a-z_]+) {2,}([a-z].*)", line):
            documented[found[1]] = re.findall(r"[a-z0-9_]+", re.sub(r"\(.*\)|; .*", "", found[2]))
    lines = cli("run", plate, dropped("foreseen"), "--json").stdout + cli("run", "none", "--json").stdout
    events = [json.loads(line) for line in lines.splitlines()]
    assert len({event["event"] for event in events}) >= 8
    for event in events:
        assert sorted(event) == sorted(["event", *documented[event["event"]]])


def test_json_failures(cli: Cli, dropped: Callable[[str], Path]) -> None:
    found = cli("run", dropped("foreseen"), "--json")
    events = [json.loads(line) for line in found.stdout.splitlines()]
    failed = next(event for event in events if event["event"] == "node_failed")
    assert failed["problem"]["kind"] == "refused"
    assert failed["problem"]["input"] == "apples"
    assert {"event": "node_skipped", "node": "3", "because": "2"} in events
    assert events[-1]["state"] == "failed"


def test_json_of_a_file_that_cannot_run(cli: Cli) -> None:
    broken = cli.write("broken.json", {"1": {"class_type": "ServApples", "inputs": {}}})
    found = cli("run", broken, "--json")
    line = json.loads(found.stdout)
    assert found.exit_code == 2
    assert line["event"] == "invalid"
    assert [problem["kind"] for problem in line["problems"]] == ["unknown_node"]


def test_events_of_a_file_that_cannot_run_hold_warnings(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "ServeApples", "inputs": {}},
        "2": {"class_type": "Label", "inputs": {"seed": -1}},
    }
    line = json.loads(cli("run", cli.write("both.json", nodes), "--json").stdout)
    assert [problem["kind"] for problem in line["problems"]] == ["missing_input"]
    assert [problem["kind"] for problem in line["warnings"]] == ["too_small"]


def test_a_usual_state_folder_that_cannot_be_written_stops_nothing(
    cli: Cli, plate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cli.folder / "full").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cli.folder / "full"))
    found = cli("run", plate)
    assert found.exit_code == 0
    assert "warning: Results are not kept on disk" in found.stderr
    assert "warning: the run is not recorded" in found.stderr


def test_a_large_graph_is_told_in_tenths(cli: Cli) -> None:
    nodes: dict[str, object] = {"0": {"class_type": "PickApples", "inputs": {}}}
    for number in range(1, 1000):
        nodes[str(number)] = {"class_type": "MixApples", "inputs": {"first": [str(number - 1), 0]}}
    nodes["end"] = {"class_type": "ServeApples", "inputs": {"apples": ["999", 0]}}
    found = cli("run", cli.write("chain.json", nodes))
    assert found.exit_code == 0
    assert len(found.stderr.splitlines()) == 12
    assert "done in" in found.stderr and "1,001 of 1,001 nodes ran" in found.stderr


@pytest.mark.parametrize("size", ["1XB", "many", "-1", "4"])
def test_a_size_that_is_none(cli: Cli, plate: Path, size: str) -> None:
    found = cli("run", plate, f"--cache-memory={size}")
    assert found.exit_code == 2
    assert "needs a size such as 500MB" in found.stderr


def test_a_folder_of_packs_that_is_not_there(cli: Cli, plate: Path) -> None:
    (cli.folder / "packs").mkdir()
    found = cli("run", plate, "--nodes", cli.folder / "pakcs")
    assert found.exit_code == 2
    assert "there is no such folder. Did you mean" in found.stderr


@pytest.mark.parametrize("place", ["pears", "pears.py", "."])
def test_a_pack_itself_may_be_named(cli: Cli, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from graph_runtime import node\n\n@node('Pear')\ndef pear() -> int:\n    return 1\n"
    (cli.folder / "pears").mkdir()
    (cli.folder / "pears" / "__init__.py").write_text(code)
    (cli.folder / "pears.py").write_text(code)
    monkeypatch.chdir(cli.folder / "pears" if place == "." else cli.folder)
    found = cli("nodes", "Pear", "--nodes", place)
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("Pear\n") and "warning" not in found.stderr


def test_a_file_that_is_no_pack(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--nodes", plate)
    assert found.exit_code == 2
    assert "plate.json: is no pack; needs a folder, or a Python file." in found.stderr


def test_a_pack_that_cannot_be_loaded_is_told(cli: Cli, plate: Path) -> None:
    (cli.folder / "packs").mkdir()
    (cli.folder / "packs" / "broken.py").write_text("import nothing_of_that_name")
    found = cli("run", plate, "--nodes", cli.folder / "packs")
    assert found.exit_code == 0
    assert "warning: the pack broken cannot be loaded: ModuleNotFoundError" in found.stderr


def test_validate_tells_programs(cli: Cli, plate: Path) -> None:
    """A line for each file, with what is wrong in the same words as for people."""
    broken = cli.write("broken.json", {"1": {"class_type": "ServApples", "inputs": {}}})
    found = cli("validate", plate, broken, "--json")
    whole, wrong = map(json.loads, found.stdout.splitlines())
    assert found.exit_code == 2 and found.stderr == ""
    assert whole == {"file": str(plate), "problems": [], "warnings": [], "notes": []}
    assert wrong["file"] == str(broken)
    assert [problem["kind"] for problem in wrong["problems"]] == ["unknown_node"]


def test_a_folder_that_was_made_is_told(cli: Cli, plate: Path) -> None:
    assert "made the folder new/here\n" in cli("run", plate, "--out", "new/here").stderr
    assert "made the folder" not in cli("run", plate, "--out", "new/here", "--set", "4.name=other").stderr


def test_nothing_is_said_of_nodes_that_do_not_run(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "PickApples", "inputs": {}},
        "2": {"class_type": "ServeApples", "inputs": {"apples": ["1", 0], "nam": "x"}},
        "3": {"class_type": "Label", "inputs": {"seed": -1}},
        "4": {"class_type": "ServeApples", "inputs": {"apples": ["1", 0]}},
    }
    file = cli.write("both.json", nodes)
    for command in ("run", "validate", "explain"):
        found = cli(command, file, "--to", "1")
        assert found.exit_code == 0, found.output
        assert "Label" not in found.output and "Serve" not in found.output
    broken = cli("run", file, "--to", "2")
    assert "input nam" in broken.stderr and "Label" not in broken.stderr


def test_a_workflow_from_the_standard_input(cli: Cli, plate: Path) -> None:
    with plate.open("rb") as file:
        process = cli.start("run", "-", stdin=file)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert b"saved output/plate.txt" in out
