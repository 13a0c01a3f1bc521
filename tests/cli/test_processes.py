"""The command as a process: Ctrl-C, pipes that nobody reads, terminals that know no Unicode, and terminals proper."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import COMMAND, Cli

CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


@pytest.fixture
def slow(cli: Cli) -> Path:
    return cli.write(
        "slow.json",
        {
            "1": {"class_type": "PickApples", "inputs": {}},
            "2": {"class_type": "WashApples", "inputs": {"apples": ["1", 0], "steps": 10000, "seconds": 0.02}},
            "3": {"class_type": "ServeApples", "inputs": {"apples": ["2", 0]}},
        },
    )


def until(process: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    """Read a process's standard output until something is in it."""
    assert process.stdout is not None
    found = b""
    while wanted not in found:
        found += process.stdout.readline() or pytest.fail(f"ended with {found!r}")
    return found


def test_ctrl_c_cancels_within_a_step(cli: Cli, slow: Path) -> None:
    process = cli.start("run", slow, "--json")
    until(process, b"node_progressed")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b'"state": "interrupted"' in out
    assert b"Traceback" not in err
    assert not (cli.folder / "output").exists()


def test_a_cancelled_run_names_the_node_that_was_running(cli: Cli, slow: Path) -> None:
    process = cli.start("run", slow)
    assert process.stderr is not None
    while b"Pick Apples (1)" not in process.stderr.readline():
        pass
    time.sleep(0.5)  # the next node has begun by then, and takes minutes
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.search(
        r"^cancelled in \d.* during Wash Apples \(2\): 1 of 3 nodes ran, 2 not run$", err.decode(), re.MULTILINE
    )


def test_a_second_ctrl_c_kills(cli: Cli, dropped: Callable[[str], Path]) -> None:
    process = cli.start("run", dropped("forever"), "--json")
    until(process, b"waiting for the ground")
    process.send_signal(signal.SIGINT)
    until(process, b"Ctrl-C again")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_reader_that_goes_away_stops_no_run(cli: Cli, plate: Path) -> None:
    with cli.start("run", plate, "--json", "--set", "2.steps=2000") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert (cli.folder / "output/plate.txt").exists()


def test_a_reader_that_goes_away_from_a_list(cli: Cli) -> None:
    with cli.start("nodes") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_is_full_stops_no_run(cli: Cli, plate: Path) -> None:
    with Path("/dev/full").open("wb") as full, cli.start("run", plate, stdout=full) as process:
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 0
    assert err.count(b"warning: the output cannot be written: No space left on device.") == 1
    assert b"Traceback" not in err
    assert (cli.folder / "output/plate.txt").exists()


def test_streams_that_are_closed(cli: Cli, plate: Path) -> None:
    command = shlex.join([*COMMAND, "run", str(plate), *cli.packs(("run",))])
    assert subprocess.run(f"{command} >&- 2>&-", shell=True, cwd=cli.folder).returncode == 0
    assert (cli.folder / "output/plate.txt").exists()


def test_any_text_survives_a_terminal_that_knows_ascii_alone(cli: Cli) -> None:
    title = "Äpfel \udc80 🍏 \x1b[2J"
    file = cli.write(
        "odd.json",
        {
            "🍏": {
                "class_type": "DropApples",
                "inputs": {"apples": ["2", 0], "how": "foreseen"},
                "_meta": {"title": title},
            },
            "2": {"class_type": "PickApples", "inputs": {"kind": "fuji"}},
            "\x1b]0;": {"class_type": "ServeApples", "inputs": {"apples": ["🍏", 0], "name": "é"}},
        },
    )
    for command in ("run", "validate", "explain"):
        process = cli.start(command, file, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
        out, err = process.communicate(timeout=20)
        assert process.returncode == (1 if command == "run" else 0), err
        assert not CONTROL.search(out + err)
        assert b"Traceback" not in err


def test_quotation_marks_are_plain_where_the_terminal_has_no_others(cli: Cli) -> None:
    nodes = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "é/x"}}}
    process = cli.start("validate", cli.write("none.json", nodes), "--to", "1", env={"PYTHONIOENCODING": "ascii"})
    _, err = process.communicate(timeout=20)
    assert b'There is no base model "\\xe9/x"' in err


def test_no_control_codes_without_a_terminal(cli: Cli, plate: Path) -> None:
    process = cli.start("run", plate, env={"TERM": "xterm-256color", "FORCE_COLOR": ""})
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert not CONTROL.search(out + err)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def seen(cli: Cli, terminal: tuple[int, int], *args: object) -> tuple[str, int]:
    """Run a command on a terminal: all that it wrote, and its exit code."""
    ours, theirs = terminal
    env = {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = cli.start(*args, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    found, end = b"", time.monotonic() + 30
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                found += os.read(ours, 65536)
            except OSError:
                break
    return found.decode(), process.wait(timeout=20)


def test_a_terminal_shows_bars_then_times(cli: Cli, plate: Path, terminal: tuple[int, int]) -> None:
    text, code = seen(cli, terminal, "run", plate, "--set", "2.steps=20", "--set", "2.seconds=0.05")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert code == 0
    assert re.search(r"  Wash well +[━╸╺]+ +\d+/20 +\d s left", plain)
    assert re.search(r"Running +[━╸╺]+ +\d/4 +\d s", plain)
    assert re.search(r"Wash well \(2\) +1\.\d\d s", plain)
    assert "saved output/plate.txt" in plain
    assert "done in" in plain and "4 of 4 nodes ran" in plain
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor is shown again"
