"""`controlgraph serve` as a process: what it says, what it loads, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = "from graph_runtime.cli import main; main(prog_name='controlgraph')"
MEMORY = 200 << 10
"""KiB that a server may take up before anything computes."""


@contextmanager
def serving(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server on a free port; give the process and the address it says."""
    command = [sys.executable, "-c", CODE, "serve", "--no-browser", "--port", "0", "--state", str(path), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        yield process, found[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        return bytes(response.read())


def test_nothing_heavy_is_loaded_at_the_start(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url):
        assert "SaveImage" in json.loads(get(f"{url}object_info"))
        get(f"{url}system_stats")
        assert b"libtorch" not in Path(f"/proc/{process.pid}/maps").read_bytes()
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        assert found
        assert int(found[1]) < MEMORY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "Stopping.\n", "no step is waited for where nothing runs"


def test_second_request_to_stop_ends_a_node_that_never_looks_up(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "stuck.py").write_text(
        "import time\nfrom graph_runtime import Shown, node\n\n\n"
        "@node('Stuck')\ndef stuck(n: int = 0) -> Shown[None]:\n    time.sleep(60)\n    return Shown()\n"
    )
    with serving(tmp_path / "state", "--nodes", str(packs)) as (process, url):
        body = json.dumps({"prompt": {"1": {"class_type": "Stuck", "inputs": {}}}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}prompt", body)).close()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert "Ctrl-C again" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130


def test_token_is_said_where_other_machines_can_reach_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen", "0.0.0.0") as (_, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", url)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(url.partition("?")[0])
    with serving(tmp_path, "--listen", "0.0.0.0", "--no-auth") as (_, url):
        assert "token" not in url


def test_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        command = [sys.executable, "-c", CODE, "serve", "--no-browser", "--port", str(other.getsockname()[1])]
        done = subprocess.run([*command, "--state", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, "serve", "--no-browser", "--port", "0", "--state", str(tmp_path)]
    nowhere = tmp_path / "nowhere"
    process = subprocess.Popen([*command, "--input", str(nowhere)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    process.kill()
    process.wait()
    process.stderr.close()
    assert said.startswith("warning: --input ") and "there is no such folder" in said
