"""`controlgraph cache`: size, prune, clear, verify."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Cli


def entries(cli: Cli) -> list[Path]:
    return sorted((cli.folder / "state/controlgraph/cache/entries").rglob("*.json"))


def test_an_empty_cache(cli: Cli) -> None:
    for command in (["size"], ["verify"], ["clear"], ["prune", "--to", "1GB"]):
        assert cli("cache", *command).exit_code == 0
    assert cli("cache", "size").stdout.endswith("cache: 0 results, 0 B of at most 20 GB\n")


def test_size_and_clear(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    assert re.search(r"cache: 4 results, \d+\.\d kB of at most", cli("cache", "size").stdout)
    assert "4 results removed" in cli("cache", "clear").stdout
    assert not entries(cli)


def test_prune(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    found = cli("cache", "prune", "--to", "1kB")
    assert found.exit_code == 0
    assert "removed, 0 B left" in found.stdout
    assert not entries(cli)


def test_prune_needs_a_size(cli: Cli) -> None:
    assert cli("cache", "prune").exit_code == 2
    assert "needs a size" in cli("cache", "prune", "--to", "tiny").stderr


def test_verify(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    found = cli("cache", "verify")
    assert found.exit_code == 0
    assert re.search(r"4 results checked, .*, 0 damaged", found.stdout)


def test_verify_sets_damaged_results_aside(cli: Cli, plate: Path) -> None:
    cli("run", plate)
    first = entries(cli)[0]
    first.write_bytes(first.read_bytes()[:-20])
    found = cli("cache", "verify")
    assert found.exit_code == 1
    assert "1 damaged" in found.stdout and first.stem in found.stdout
    assert cli("run", plate).exit_code == 0
    assert cli("cache", "verify").exit_code == 0


def test_another_state_folder(cli: Cli, plate: Path) -> None:
    cli("run", plate, "--state", "mine")
    assert "4 results" in cli("cache", "size", "--state", "mine").stdout
    assert "0 results" in cli("cache", "size").stdout


@pytest.mark.parametrize("command", ["sise", "vrify"])
def test_an_unknown_command(cli: Cli, command: str) -> None:
    found = cli("cache", command)
    assert found.exit_code == 2
    assert "Traceback" not in found.output
