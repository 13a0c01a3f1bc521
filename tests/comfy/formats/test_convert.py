"""`controlgraph convert` from every format into every other."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from graph_runtime.cli import main
from graph_runtime.comfy.formats.metadata import with_texts

PACK = "from tests.comfy.formats.toys import LIBRARY\n"
FILES = Path(__file__).parent / "files"


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "toys.py").write_text(PACK)
    return folder


def convert(packs: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments), "--nodes", str(packs)])


def data(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_an_editors_file_becomes_the_api_format_and_comes_back(packs: Path, tmp_path: Path) -> None:
    result = convert(packs, FILES / "classic.json", "-o", tmp_path / "api.json")
    assert (result.exit_code, result.output) == (0, f"wrote {tmp_path / 'api.json'}\n")
    assert data(tmp_path / "api.json") == data(FILES / "classic.api.json")
    assert convert(packs, tmp_path / "api.json", "-o", tmp_path / "editor.json").exit_code == 0
    assert len(data(tmp_path / "editor.json")["nodes"]) == 7  # type: ignore[arg-type]
    assert convert(packs, tmp_path / "editor.json", "-o", tmp_path / "again.json").exit_code == 0
    before, after = data(tmp_path / "api.json"), data(tmp_path / "again.json")
    assert before["9"]["inputs"].pop("note") is None  # type: ignore[index]
    assert after["9"]["inputs"].pop("note") == ""  # type: ignore[index]
    assert after == before


def test_a_picture_becomes_its_editors_file(packs: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(path)
    texts = {"prompt": (FILES / "classic.api.json").read_text(), "workflow": (FILES / "classic.json").read_text()}
    path.write_bytes(with_texts(path.read_bytes(), texts))
    assert convert(packs, path, "-o", tmp_path / "editor.json").exit_code == 0
    assert data(tmp_path / "editor.json") == data(FILES / "classic.json")
    assert convert(packs, path, "-o", tmp_path / "api.json", "--format", "api").exit_code == 0
    assert data(tmp_path / "api.json") == data(FILES / "classic.api.json")


def test_only_what_is_set_changes(packs: Path, tmp_path: Path) -> None:
    found = convert(
        packs, FILES / "classic.json", "-o", tmp_path / "a.json", "--format", "editor", "--set", "DrawSteps.steps=33"
    )
    assert found.exit_code == 0
    expected = json.dumps(data(FILES / "classic.json")).replace('"randomize", 20,', '"randomize", 33,')
    assert json.dumps(data(tmp_path / "a.json")) == expected


def test_a_script(packs: Path, tmp_path: Path) -> None:
    found = convert(packs, FILES / "classic.json", "-o", tmp_path / "a.py", "--out", "results")
    assert found.exit_code == 0
    text = (tmp_path / "a.py").read_text()
    assert 'output=Path("results")' in text
    assert "wanted = encode(text='a cat, \"cute\" — ✓', clip=loaded.clip)" in text
    compile(text, "a.py", "exec")


def test_the_standard_output(packs: Path) -> None:
    assert json.loads(convert(packs, FILES / "classic.json", "-o", "-").output) == data(FILES / "classic.api.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.json", "-o", "a.json"], "nothing.json: 1 problem\n  is not there"),
        ([FILES / "classic.json", "-o", "a.txt"], 'found "a.txt", needs a name that ends in .json or .py.'),
        ([FILES / "classic.json", "-o", "a.json", "--format", "yaml"], "'yaml' is not one of"),
        ([FILES / "classic.json", "-o", FILES / "classic.json" / "x.json"], "cannot be written"),
        ([FILES / "classic.json", "-o", "a.json", "--set", "DrawSteps.stops=3"], "Did you mean steps?"),
        ([FILES / "modern.json", "-o", "a.py"], 'no node of the kind "Video Combine"'),
        ([FILES / "modern.json", "-o", "a.json", "--format", "editor", "--set", "4.image=1"], "keeps no value for it"),
        ([__file__, "-o", "a.json"], "is a Python script, which cannot be turned back into a workflow; needs"),
    ],
)
def test_bad_input_is_told(
    arguments: list[object], message: str, packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = convert(packs, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not list(tmp_path.glob("a.*"))
