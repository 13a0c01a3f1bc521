"""Packs of the user's folder are imported only once they are trusted, and no more once they change."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from graph_runtime.cli import main

PACK = """
from pathlib import Path
with Path(__file__).with_name("imported.log").open("a") as log:
    log.write("x")
class Hello:
    FUNCTION = "go"
    RETURN_TYPES = ()
    INPUT_TYPES = classmethod(lambda cls: {})
    def go(self): ...
NODE_CLASS_MAPPINGS = {"Hello": Hello}
"""


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data" / "controlgraph" / "packs"
    folder.mkdir(parents=True)
    path = folder / "hello.py"
    path.write_text(PACK)
    return path


def told(*arguments: str) -> str:
    found = CliRunner().invoke(main, arguments)
    return found.output


def imported(pack: Path) -> int:
    log = pack.with_name("imported.log")
    return len(log.read_text()) if log.exists() else 0


def test_a_pack_is_imported_only_once_it_is_trusted(pack: Path) -> None:
    assert "not trusted yet" in told("nodes", "LoadImage") and imported(pack) == 0
    assert "hello: not trusted" in told("packs") and imported(pack) == 0
    assert "is trusted" in told("packs", "trust", "hello") and imported(pack) == 0
    assert "Hello" in told("nodes", "Hello") and imported(pack) == 1


def test_a_changed_file_asks_again(pack: Path) -> None:
    told("packs", "trust", "hello")
    pack.write_text(PACK + "\n# changed")
    assert "changed since it was trusted" in told("nodes", "LoadImage") and imported(pack) == 0
    assert "hello: its files were changed" in told("packs", "list")


def test_trust_can_be_taken_back(pack: Path) -> None:
    told("packs", "trust", "hello")
    assert "not imported any more" in told("packs", "untrust", "hello")
    assert "not trusted yet" in told("nodes", "LoadImage") and imported(pack) == 0


def test_a_name_that_is_not_there(pack: Path) -> None:
    assert "Did you mean hello?" in told("packs", "trust", "helo")


def test_a_folder_that_is_named_is_trusted(pack: Path) -> None:
    assert "Hello" in told("nodes", "Hello", "--nodes", str(pack.parent)) and imported(pack) == 1
