"""Help, versions, and what is imported for them."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from .conftest import Cli

HEAVY = ("networkx", "torch", "diffusers", "transformers", "numpy", "cv2", "PIL", "rich")


def test_help_lists_all_commands(cli: Cli) -> None:
    found = cli("--help")
    assert found.exit_code == 0
    for name in ("run", "validate", "explain", "nodes", "draw", "cache", "fetch", "train"):
        assert f"\n  {name} " in found.stdout


@pytest.mark.parametrize("command", ["run", "validate", "explain", "nodes", "draw", "cache"])
def test_each_command_has_help(cli: Cli, command: str) -> None:
    found = cli(command, "--help")
    assert found.exit_code == 0
    assert found.stdout.startswith(f"Usage: controlgraph {command} ")


def test_help_says_where_state_lies(cli: Cli) -> None:
    assert "$XDG_CACHE_HOME or ~/.cache" in " ".join(cli("run", "--help").stdout.split())


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
