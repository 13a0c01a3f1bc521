"""Help, versions, and what is imported for them."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from graph_runtime.commands.summaries import summary

from .conftest import Cli

HEAVY = ("networkx", "torch", "diffusers", "transformers", "numpy", "cv2", "PIL", "rich")


def test_help_lists_all_commands(cli: Cli) -> None:
    found = cli("--help")
    assert found.exit_code == 0
    for name in ("run", "validate", "explain", "nodes", "draw", "cache", "fetch", "models", "train"):
        assert f"\n  {name} " in found.stdout


@pytest.mark.parametrize("command", ["run", "validate", "explain", "nodes", "draw", "cache"])
def test_each_command_has_help(cli: Cli, command: str) -> None:
    found = cli(command, "--help")
    assert found.exit_code == 0
    assert found.stdout.startswith(f"Usage: controlgraph {command} ")


def test_help_says_where_state_lies(cli: Cli) -> None:
    assert "$XDG_CACHE_HOME or ~/.cache" in " ".join(cli("run", "--help").stdout.split())


def test_commands_of_packs_are_told_like_all_others(cli: Cli) -> None:
    said = " ".join(cli("--help").stdout.split())
    assert "Fetch what some nodes need, once: a file by its NAME" in said
    assert "train Train ControlNets, or the demonstration model." in said
    assert "Comes with the pack" not in said


@pytest.mark.parametrize("args", [(), ("cache",), ("train",)])
def test_without_arguments_there_is_help_once(cli: Cli, args: tuple[str, ...]) -> None:
    found = cli(*args)
    assert found.exit_code == 2
    assert found.output.startswith("Usage: controlgraph")
    assert found.output.count("Usage:") == 1
    assert "error:" not in found.output
    assert "Commands:" in found.output


def test_a_summary_is_read_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pears").mkdir()
    (tmp_path / "pears/__init__.py").write_text("raise AssertionError")
    (tmp_path / "pears/orders.py").write_text('def pick():\n    """Pick\n    pears.\n\n    Ripe ones."""\n')
    (tmp_path / "pears/broken.py").write_text("def (")
    monkeypatch.syspath_prepend(tmp_path)
    assert summary("pears.orders", "pick") == "Pick pears."
    assert summary("pears.orders", "eat") == summary("pears.broken", "pick") == summary("pears.none", "pick") == ""
    assert summary("no_such_pack.orders", "pick") == ""


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"controlgraph {importlib.metadata.version('controlgraph')}\n"


def test_an_unknown_command_names_the_nearest(cli: Cli) -> None:
    found = cli("rnu")
    assert found.exit_code == 2
    assert 'there is no command "rnu". Did you mean run?' in found.stderr


def test_an_unknown_command_may_hold_anything(cli: Cli) -> None:
    found = cli("\x1b[2J")
    assert found.exit_code == 2
    assert "\x1b" not in found.stderr


def test_an_unknown_option_names_the_nearest(cli: Cli) -> None:
    found = cli("run", "x.json", "--no-cahce")
    assert found.exit_code == 2
    assert "--no-cache" in found.stderr


def test_a_missing_file_argument(cli: Cli) -> None:
    found = cli("validate")
    assert found.exit_code == 2
    assert "Missing argument" in found.stderr


@pytest.mark.parametrize("args", [["--help"], ["nodes"], ["validate", "plate.json"], ["explain", "plate.json"]])
def test_nothing_heavy_is_imported(cli: Cli, plate: object, args: list[str]) -> None:
    run = [*args, *cli.packs(tuple(args))]
    code = (
        "import sys\nfrom graph_runtime.cli import main\n"
        f"try:\n    main({run!r})\nexcept SystemExit as end:\n    assert not end.code, end\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=cli.folder, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
