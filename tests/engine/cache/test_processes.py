"""Several processes on one folder, and processes that die."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from graph_runtime.cache.lock import locked
from graph_runtime.results import Result
from tests.engine.cache.test_disk import disk, files, on_disk
from tests.engine.cache.values import key

REPOSITORY = Path(__file__).parents[3]

WRITE = """
import itertools, random, sys
from pathlib import Path
from graph_runtime.cache import DiskCache
from graph_runtime.results import Result
from tests.engine.cache.values import key

root, limit, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
told = []
cache = DiskCache(root, limit, tell=told.append)
draw = random.Random(seed)
print("ready", flush=True)
for _ in range(count) if count else itertools.count():
    name = draw.randrange(200)
    found = cache.get(key(name))
    assert found is None or found == Result((name, bytes([name]) * (500 * name))), name
    if found is None:
        cache.put(key(name), Result((name, bytes([name]) * (500 * name))))
cache.flush()
assert not told, told
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start Python with some code and wait until it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "ready\n"
    return process


def check(root: Path, limit: int) -> int:
    """Read everything that is there; give the number of results."""
    cache = disk(root, limit)
    assert on_disk(root) <= limit
    assert cache.verify().damaged == ()
    there = [name for name in range(200) if key(name) in cache]
    for name in there:
        assert cache.get(key(name)) == Result((name, bytes([name]) * (500 * name)))
    return len(there)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_that_is_killed_leaves_whole_results(tmp_path: Path) -> None:
    """Killed at any point while it writes and evicts: what is there is right, and the next one goes on."""
    draw = random.Random(7)
    for attempt in range(8):
        process = start(WRITE, tmp_path, 2_000_000, attempt, 0)
        time.sleep(draw.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        check(tmp_path, 2_000_000)
    process = start(WRITE, tmp_path, 2_000_000, 99, 50)
    assert process.wait() == 0
    assert check(tmp_path, 2_000_000) > 20
    assert files(tmp_path, "writing") == []


LARGE = """
import sys
from pathlib import Path
from graph_runtime.cache import DiskCache
from graph_runtime.results import Result

cache = DiskCache(Path(sys.argv[1]), 1 << 30)
result = Result((bytes(100_000_000),))
print("ready", flush=True)
cache.put("large", result)
cache.flush()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_killed_while_a_file_grows_leaves_no_entry(tmp_path: Path) -> None:
    """Half a file is never under its own name, and the next writer sweeps it."""
    process = start(LARGE, tmp_path)
    while not files(tmp_path, "writing"):
        assert process.poll() is None
    process.kill()
    process.wait()
    cache = disk(tmp_path)
    assert files(tmp_path) == files(tmp_path, "writing") != []
    assert "large" not in cache and cache.get("large") is None
    cache.put("small", Result(("x",)))
    cache.flush()
    assert files(tmp_path) == files(tmp_path, "entries")


def test_processes_write_read_and_evict_at_once(tmp_path: Path) -> None:
    """No process sees a wrong or half a result, nothing is taken for damage, and the bound holds throughout."""
    processes = [start(WRITE, tmp_path, 3_000_000, seed, 250) for seed in range(3)]
    largest = 0
    while any(process.poll() is None for process in processes):
        try:
            largest = max(largest, on_disk(tmp_path))
        except FileNotFoundError:  # gone between being listed and being measured
            continue
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert 1_000_000 < largest <= 3_000_000 and files(tmp_path, "damaged") == []
    assert check(tmp_path, 3_000_000) > 20


FULL = """
import resource, sys
from pathlib import Path
from graph_runtime.cache import DiskCache
from graph_runtime.results import Result

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
told = []
cache = DiskCache(Path(sys.argv[1]), 1 << 30, tell=told.append)
print("ready", flush=True)
for number in range(5):
    cache.put(f"large{number}", Result((bytes([number]) * 100_000,)))
    cache.put(f"small{number}", Result((bytes([number]) * 10_000,)))
cache.flush()
assert all(f"small{number}" in cache and f"large{number}" not in cache for number in range(5))
assert len(told) == 1 and "File too large" in told[0], told
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
def test_a_full_disk_costs_the_result_and_not_the_run(tmp_path: Path) -> None:
    """The system refuses to write on: the reason is told once, and no half of a file stays."""
    assert start(FULL, tmp_path).wait() == 0
    assert files(tmp_path, "writing") == [] and len(files(tmp_path, "entries")) == 5


READ_ONLY = """
import os, sys
from pathlib import Path
from graph_runtime.cache import DiskCache
from graph_runtime.results import Result

if os.geteuid() == 0:
    os.setuid(65534)
told = []
cache = DiskCache(Path(sys.argv[1]), 1 << 30, tell=told.append)
print("ready", flush=True)
assert cache.get("there") == Result(("kept",))
for number in range(3):
    cache.put(f"new{number}", Result((number,)))
cache.flush()
assert "new1" not in cache and cache.get("new1") is None
assert len(told) == 1 and "Permission denied" in told[0], told
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no modes")
def test_a_read_only_folder_gives_what_it_has() -> None:
    """Reading goes on; the reason why nothing is kept is told once."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = Path(folder, "cache")
        cache = disk(root)
        cache.put("there", Result(("kept",)))
        cache.flush()
        for path in [root, *root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            assert start(READ_ONLY, root).wait() == 0
        finally:
            for path in [root, *root.rglob("*")]:
                path.chmod(0o755)


END = """
import sys
from pathlib import Path
from graph_runtime.cache import DiskCache
from graph_runtime.results import Result

cache = DiskCache(Path(sys.argv[1]), 1 << 30)
print("ready", flush=True)
for number in range(20):
    cache.put(f"{number}", Result((bytes([number]) * 1_000_000,)))
"""


def test_a_program_that_ends_without_a_flush_loses_nothing(tmp_path: Path) -> None:
    """It ends once everything is written."""
    assert start(END, tmp_path).wait() == 0
    assert len(files(tmp_path, "entries")) == 20


COUNT = """
import sys
from pathlib import Path
from graph_runtime.cache.lock import locked

go = Path(sys.argv[2])
print("ready", flush=True)
while not go.exists():
    pass
for _ in range(3000):
    with locked(Path(sys.argv[1])) as total:
        total.write((total.read() or 0) + 1)
"""


def test_one_process_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    """None of them overwrites what another one has counted."""
    processes = [start(COUNT, tmp_path / "lock", tmp_path / "go") for _ in range(2)]
    (tmp_path / "go").touch()
    assert [process.wait() for process in processes] == [0, 0]
    with locked(tmp_path / "lock") as total:
        assert total.read() == 6000
