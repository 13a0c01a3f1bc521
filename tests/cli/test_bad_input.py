"""What bad input gets from every command: exit code 2, a message, no traceback, nothing written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

PICK = {"class_type": "PickApples", "inputs": {}}


def serve(source: str, **inputs: object) -> dict[str, object]:
    return {"class_type": "ServeApples", "inputs": {"apples": [source, 0], **inputs}}


TEXTS = {
    "empty": (b"", "is empty"),
    "binary": (bytes(range(256)), "is no text in UTF-8"),
    "nested": (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    "nested input": (
        b'{"1":{"class_type":"PickApples","inputs":{"kind":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}",
        "too deep",
    ),
    "cut off": (b'{"1": {"class_type": "Pick', "ends too early, in line 1"),
    "a list": (b"[1, 2]", "needs an object"),
    "a number": (b"3", "needs an object"),
    "no nodes": (b"{}", "no nodes"),
    "no class": (b'{"1": {}}', "no class_type"),
    "nan": (
        b'{"1": {"class_type": "PickApples", "inputs": {"count": NaN}}, "2": %s}' % json.dumps(serve("1")).encode(),
        "nan",
    ),
    "digits": (b'{"1": {"class_type": "PickApples", "inputs": {"count": ' + b"9" * 10_000 + b"}}}", "too many digits"),
    "cycle": (
        json.dumps({"1": {"class_type": "MixApples", "inputs": {"first": ["1", 0]}}, "2": serve("1")}).encode(),
        "in a circle",
    ),
    "unknown node": (
        json.dumps({"1": {"class_type": "PickAples"}, "2": serve("1")}).encode(),
        "Did you mean PickApples?",
    ),
    "unknown input": (json.dumps({"1": PICK, "2": serve("1", nmae="x")}).encode(), "Did you mean name?"),
    "missing input": (json.dumps({"1": {"class_type": "ServeApples", "inputs": {}}}).encode(), "is missing"),
    "bad link": (json.dumps({"1": PICK, "2": serve("9")}).encode(), "not in the workflow"),
    "wrong type": (json.dumps({"1": {"class_type": "Label"}, "2": serve("1")}).encode(), "needs Apples"),
    "out of bounds": (
        json.dumps({"1": {"class_type": "PickApples", "inputs": {"count": 0}}, "2": serve("1")}).encode(),
        "1 to 1000",
    ),
}
COMMANDS = ("run", "validate", "explain", "draw")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", TEXTS)
def test_files(cli: Cli, command: str, case: str) -> None:
    content, message = TEXTS[case]
    (cli.folder / "bad.json").write_bytes(content)
    found = cli(command, "bad.json")
    assert found.exit_code == 2, found.output
    assert message in found.stderr
    assert "Traceback" not in found.output
    left = {path.name for path in cli.folder.iterdir()} - {"bad.json"}
    assert left <= ({"bad.svg"} if command == "draw" else set())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_not_there_names_the_nearest(cli: Cli, plate: Path, command: str) -> None:
    found = cli(command, "plaet.json")
    assert found.exit_code == 2
    assert "is not there. Did you mean plate.json?" in found.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_is_no_workflow(cli: Cli, command: str) -> None:
    (cli.folder / "one.json").write_text("{}")
    found = cli(command, ".")
    assert found.exit_code == 2
    assert "is a directory, needs a workflow file. In it: one.json." in found.stderr


def test_a_file_without_end(cli: Cli) -> None:
    with (cli.folder / "huge.json").open("wb") as file:
        file.truncate(1 << 40)
    found = cli("validate", "huge.json")
    assert found.exit_code == 2
    assert "holds more than 256 MB" in found.stderr


@pytest.mark.parametrize("name", ["a\x1b[2J.json", "a\nb.json", os.fsdecode(b"a\xff.json")])
def test_odd_file_names_are_harmless(cli: Cli, name: str) -> None:
    found = cli("validate", name)
    assert found.exit_code == 2
    assert "\x1b" not in found.stderr and len(found.stderr.splitlines()) == 2


def test_a_circle_hides_no_other_problem(cli: Cli) -> None:
    mix = {"class_type": "MixApples", "inputs": {"first": ["1", 0], "secnd": 3}}
    found = cli("validate", cli.write("circle.json", {"1": mix, "2": serve("1", nmae="x")}))
    assert "in a circle: 1 (MixApples) → 1 (MixApples)" in found.stderr
    assert "Did you mean second?" in found.stderr
    assert "Did you mean name?" in found.stderr


def test_a_malformed_node_hides_no_other_problem(cli: Cli) -> None:
    file = cli.write("malformed.json", {"1": {"inputs": {}}, "2": serve("1", nmae="x")})
    for command in COMMANDS:
        found = cli(command, file)
        assert found.exit_code == 2
        assert "node 1: found no class_type" in found.stderr
        assert "Did you mean name?" in found.stderr
    found = cli("convert", file, "-o", "other.json", "--format", "api")
    assert found.exit_code == 2
    assert "node 1: found no class_type" in found.stderr
    assert not (cli.folder / "other.json").exists()


@pytest.mark.parametrize("command", ["run", "validate"])
def test_problems_of_what_nothing_needs_are_told_beside_fatal_ones(cli: Cli, command: str) -> None:
    nodes = {"1": PICK, "2": serve("1", nmae="x"), "3": {"class_type": "Label", "inputs": {"seed": -1}}}
    found = cli(command, cli.write("both.json", nodes))
    assert found.exit_code == 2
    assert ": 1 problem\n" in found.stderr
    assert "  warning: node 3 (Label), input seed: found -1" in found.stderr


def test_all_problems_of_all_files(cli: Cli) -> None:
    nodes = {"1": {"class_type": "PickApples", "inputs": {"count": 0, "kind": "golf"}}, "2": serve("1", nmae="x")}
    files = [cli.write(name, nodes) for name in ("one.json", "two.json")]
    found = cli("validate", *files)
    assert found.exit_code == 2
    assert found.stderr.count("3 problems") == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("9.count=3", "there is no node"),
        ("Wash wel.steps=3", "Did you mean Wash well?"),
        ("1.cuont=3", "Did you mean count?"),
        ("1.count=none", "needs a whole number"),
        ("1.count=99999", "needs 1 to 1000"),
        ("1.kind=fugi", "Did you mean fuji?"),
        ("1.count", "needs the form NODE.INPUT=VALUE"),
        ("=", "needs the form NODE.INPUT=VALUE"),
        ("1.count=" + "[" * 50_000, "needs a whole number"),
        ("1.count=NaN", "needs a whole number"),
    ],
)
def test_settings(cli: Cli, plate: Path, setting: str, message: str) -> None:
    found = cli("run", plate, "--set", setting)
    assert found.exit_code == 2
    assert message in found.stderr
    assert not (cli.folder / "output").exists()


def test_settings_are_told_with_all_else(cli: Cli, plate: Path) -> None:
    found = cli("validate", plate, "--set", "9.count=3", "--set", "1.count=0")
    assert found.exit_code == 2
    assert "there is no node" in found.stderr
    assert "found 0, needs 1 to 1000" in found.stderr


def test_folders_that_cannot_be_written_are_told_before_the_run(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--out", plate / "out", "--state", plate / "state")
    assert found.exit_code == 2
    assert f"--out {plate / 'out'}: cannot be written: Not a directory." in found.stderr
    assert f"--state {plate / 'state'}: cannot be written: Not a directory." in found.stderr
    assert "ran" not in found.stderr.split()


def test_folders_that_are_made_later_are_no_problem(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--out", cli.folder / "a/b/out", "--state", cli.folder / "c/state")
    assert found.exit_code == 0, found.stderr


def test_validate_takes_settings(cli: Cli, plate: Path) -> None:
    assert cli("validate", plate, "--set", "1.count=7").exit_code == 0
    found = cli("validate", plate, "--set", "1.count=0")
    assert found.exit_code == 2
    assert "input count: found 0, needs 1 to 1000" in found.stderr
    assert "Run only" not in cli("validate", "--help").stdout


def test_a_title_that_several_nodes_bear(cli: Cli) -> None:
    twin = {"class_type": "PickApples", "inputs": {}, "_meta": {"title": "Twin"}}
    found = cli("run", cli.write("twins.json", {"1": twin, "2": twin, "3": serve("1")}), "--set", "Twin.count=3")
    assert found.exit_code == 2
    assert "2 nodes bear this title; name one by its id: 1, 2." in found.stderr


def test_a_target_that_is_not_there(cli: Cli, plate: Path) -> None:
    found = cli("run", plate, "--to", "Wash wel")
    assert found.exit_code == 2
    assert "Did you mean Wash well?" in found.stderr


def test_a_recipe_that_is_not_there(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "ReadRecipe", "inputs": {"recipe": "pie.txt"}},
        "2": PICK,
        "3": serve("2", label=["1", 0]),
    }
    found = cli("validate", cli.write("recipe.json", nodes))
    assert found.exit_code == 2
    assert "node 1 (ReadRecipe), input recipe: there is no recipe pie.txt" in found.stderr


@pytest.mark.parametrize("command", ["validate", "explain", "draw", "run"])
def test_a_chain_of_50_000_nodes_is_no_bad_input(cli: Cli, command: str) -> None:
    nodes: dict[str, object] = {"0": PICK}
    for number in range(1, 50_000):
        nodes[str(number)] = {"class_type": "MixApples", "inputs": {"first": [str(number - 1), 0]}}
    nodes["end"] = serve("49999")
    found = cli(command, cli.write("chain.json", nodes), *(["--no-cache"] if command == "run" else []))
    assert found.exit_code == 0


@pytest.fixture
def unused(cli: Cli) -> Callable[[], Path]:
    return lambda: cli.write(
        "unused.json", {"1": PICK, "2": serve("1"), "3": {"class_type": "Label", "inputs": {"seed": -1}}}
    )


def test_what_nothing_needs_is_a_warning(cli: Cli, unused: Callable[[], Path]) -> None:
    found = cli("validate", unused())
    assert found.exit_code == 0
    assert found.stdout == "unused.json: 3 nodes, no problems\n".replace("unused", str(cli.folder / "unused"))
    assert "warning: node 3 (Label), input seed: found -1" in found.stderr
    assert "warning: nothing that is saved or shown needs Label (3)" in found.stderr


def test_what_is_wrong_with_several_nodes_alike_is_one_line(cli: Cli) -> None:
    nodes = {str(id): {"class_type": "ServeApples", "inputs": {"nam": "x"}, "_meta": {"title": "T"}} for id in (1, 2)}
    found = cli("validate", cli.write("alike.json", nodes))
    assert found.stderr.splitlines()[0].endswith("alike.json: 2 problems")
    assert "  nodes 1 (T), 2 (T), input apples: is missing; needs Apples from a link." in found.stderr
    assert "  nodes 1 (T), 2 (T), input nam: there is no such input;" in found.stderr
    assert found.stderr.count("Did you mean name?") == 1


def test_a_link_of_the_wrong_type_names_its_source_and_what_fits_between(cli: Cli) -> None:
    """The source by its title and kind; the nodes that take the one and give the other."""
    nodes = {
        "1": {"class_type": "ReadRecipe", "inputs": {"recipe": "a.txt"}, "_meta": {"title": "My recipe"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 0], "text": "a"}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {}, "_meta": {"title": "Size"}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
        "5": {"class_type": "ServeApples", "inputs": {"apples": ["3", 0]}},
    }
    found = cli("validate", cli.write("wrong.json", nodes), "--to", "2", "--to", "4", "--to", "5")
    latent = "found Latent from node 3 (Size, of the kind EmptyLatentImage), output LATENT; needs"
    assert f"input images: {latent} Image. Between them fits VAEDecode or VAEDecodeTiled." in found.stderr
    assert f"input apples: {latent} Apples.\n" in found.stderr
    assert "found text from node 1 (My recipe, of the kind ReadRecipe), output text; needs Clip.\n" in found.stderr


def test_an_unknown_kind_says_once_where_packs_come_from(cli: Cli) -> None:
    nodes = {str(id): {"class_type": kind, "inputs": {}} for id, kind in enumerate(("Tint", "Shade"))}
    found = cli("validate", cli.write("unknown.json", nodes))
    assert 'there is no node of the kind "Tint" in the installed packs.' in found.stderr
    assert found.stderr.count("packs: name the folder of one with --nodes DIR") == 1
