"""The wheel holds all that the program needs: built from a copy, installed by itself, used far from the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "graph_runtime", "nodes", "workflows")
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment in which nothing is installed but the wheel; what it depends on is lent."""
    home = tmp_path_factory.mktemp("wheel")
    source = home / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / part, source)
    done = subprocess.run([sys.executable, "-c", BUILD, str(home)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    venv.create(home / "env", symlinks=True)
    python = home / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    wheel = home / done.stdout.split()[-1]
    subprocess.run([*pip, "--no-compile", "--disable-pip-version-check", str(wheel)], check=True)
    packages = next((home / "env/lib").glob("python*/site-packages"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return home


def command(home: Path, *arguments: str) -> list[str]:
    return [str(home / "env/bin/controlgraph"), *arguments]


def said(home: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command(home, *arguments), cwd=home, capture_output=True, text=True, env={**environment, "HOME": str(home)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_program_is_there_and_runs_from_the_wheel(home: Path) -> None:
    assert "serve" in said(home, "--help")
    where = "import graph_runtime, sd_nodes; print(graph_runtime.__file__, sd_nodes.__file__)"
    python = subprocess.run([str(home / "env/bin/python"), "-c", where], cwd=home, capture_output=True, text=True)
    assert all(Path(path).is_relative_to(home) for path in python.stdout.split()), python.stdout + python.stderr


def test_what_ships_can_run(home: Path) -> None:
    shipped = home / "env/share/controlgraph/workflows"
    assert {path.name for path in shipped.glob("*.json")} == {path.name for path in (ROOT / "workflows").glob("*.json")}
    said(home, "validate", str(shipped / "text_to_image.json"))
    said(home, "validate", str(shipped / "image_to_image.json"), "--input", str(shipped / "input"))


def test_the_server_has_all_that_it_gives(home: Path) -> None:
    process = subprocess.Popen(
        command(home, "serve", "--no-browser", "--port", "0", "--state", str(home / "state")),
        cwd=home, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[^/\s]+", line)
        assert found, line
        assert "KSampler" in json.loads(get(found[0] + "/object_info"))
        assert "text_to_image" in json.loads(get(found[0] + "/workflow_templates"))["ControlGraph"]
        assert get(found[0] + "/workflow_templates/ControlGraph/text_to_image.webp").startswith(b"RIFF")
        assert get(found[0] + "/view?filename=coffee.jpg&type=input").startswith(b"\xff\xd8")
        assert b"Canny" in get(found[0] + "/extensions/sd_nodes/docs/Canny/en.md")
        assert b"registerExtension" in get(found[0] + "/extensions/controlgraph/start.js")
    finally:
        process.terminate()
        process.communicate()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        return bytes(response.read())
