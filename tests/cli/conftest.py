"""The command line with apples, as a user has it: in a folder of its own, with a state folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graph_runtime.cli import main

PACKS = Path(__file__).parent / "packs"
COMMAND = [sys.executable, "-c", "from graph_runtime.cli import main; main()"]


@dataclass(frozen=True)
class Cli:
    """Runs commands in a folder."""

    folder: Path

    def __call__(self, *args: object) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(main, [*map(str, args), *self.packs(args)], prog_name="controlgraph")

    def start(self, *args: object, env: Mapping[str, str] | None = None, **options: object) -> subprocess.Popen[bytes]:
        """Start a command as a process."""
        return subprocess.Popen(
            [*COMMAND, *map(str, args), *self.packs(args)],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def write(self, name: str, nodes: object) -> Path:
        """Write a workflow file."""
        path = self.folder / name
        path.write_text(json.dumps(nodes))
        return path

    @staticmethod
    def packs(args: tuple[object, ...]) -> list[str]:
        known = args and args[0] in ("run", "validate", "explain", "nodes", "draw") and "--help" not in args
        return ["--nodes", str(PACKS)] if known else []


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(__file__).parents[2] / part) for part in ("", "nodes")))
    return Cli(tmp_path)


@pytest.fixture
def plate(cli: Cli) -> Path:
    """A workflow that washes apples and serves them with a label."""
    return cli.write(
        "plate.json",
        {
            "1": {"class_type": "PickApples", "inputs": {"kind": "fuji", "count": 5}},
            "2": {"class_type": "WashApples", "inputs": {"apples": ["1", 0]}, "_meta": {"title": "Wash well"}},
            "3": {"class_type": "Label", "inputs": {"text": "so fresh"}},
            "4": {"class_type": "ServeApples", "inputs": {"apples": ["2", "clean"], "label": ["3", 0]}},
        },
    )


@pytest.fixture
def dropped(cli: Cli) -> Callable[[str], Path]:
    """Writes a workflow that drops apples in some way."""

    def write(how: str) -> Path:
        return cli.write(
            "dropped.json",
            {
                "1": {"class_type": "PickApples", "inputs": {}},
                "2": {
                    "class_type": "DropApples",
                    "inputs": {"apples": ["1", 0], "how": how},
                    "_meta": {"title": "Oops"},
                },
                "3": {"class_type": "MixApples", "inputs": {"first": ["2", 0]}},
                "4": {"class_type": "ServeApples", "inputs": {"apples": ["3", 0], "name": "dropped"}},
                "5": {"class_type": "ServeApples", "inputs": {"apples": ["1", 0], "name": "whole"}},
            },
        )

    return write
