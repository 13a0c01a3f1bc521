"""The server: from its start to its first answer, what it costs to run graphs through it, and what it sends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks.table import Table
from graph_runtime import Folders, Library, Shown, node
from graph_runtime.comfy.serving import Options, Running, serving

PATIENCE = 600
QUEUES = (1_000, 10_000)
HOLD = threading.Event()
"""Set to let the job end that keeps others waiting."""

STARTS = 5
CODE = "from graph_runtime.cli import main; main(prog_name='controlgraph')"


@node("Bump")
def bump(n: int = 0) -> int:
    """Add one."""
    return n + 1


@node("Sleep")
def sleep(seconds: float = 0.1) -> float:
    """Sleep."""
    time.sleep(seconds)
    return seconds


@node("Hold")
def hold(n: int = 0) -> int:
    """Wait until others may run."""
    HOLD.wait()
    return n


@node("Tell")
def tell(value: object) -> Shown[None]:
    """Show a value."""
    return Shown(text=(str(value),))


def measure() -> list[Table]:
    """Measure the start of the server, runs through it, and a long queue."""
    return [start(), asyncio.run(runs()), asyncio.run(queue())]


def start() -> Table:
    """From the start of the process to the answer of `/object_info`, and the memory it has then."""
    found = [_start() for _ in range(STARTS)]
    seconds, first, memory = (statistics.median(one[place] for one in found) for place in range(3))
    rows = [[f"{seconds:.2f} s", f"{first:.2f} s", f"{memory:.0f} MiB"]]
    note = f"Medians of {STARTS} starts of `controlgraph serve` with all installed packs; torch is not loaded."
    return Table(
        "Server: start", ["start to /object_info", "of these the process's own", "resident memory"], rows, note
    )


def _start() -> tuple[float, float, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-c", CODE, "serve", "--no-browser", "--port", str(port), "--state", state]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        try:
            _answer(f"http://127.0.0.1:{port}/object_info")
            seconds = time.perf_counter() - started
            return seconds, _processor_seconds(process.pid), _resident(process.pid)
        finally:
            process.terminate()
            process.wait()


def _answer(url: str) -> bytes:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url) as response:
                return bytes(response.read())
        except OSError:
            time.sleep(0.005)
    raise TimeoutError(url)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


async def runs() -> Table:
    """Graphs that cost nothing: what is measured is the engine, HTTP and the WebSocket."""
    rows = []
    for title, graph in _graphs():
        seconds, size, messages = await _run(graph)
        each = f"{seconds / len(graph) * 1000:.2f} ms"
        rows.append([title, f"{seconds:.3f} s", each, f"{size / 1e6:.2f} MB", f"{messages:,}"])
    columns = ["graph", "post to end", "per node", "sent", "messages"]
    return Table("Server: runs", columns, rows, "Each posted once by HTTP and heard to its end on the WebSocket.")


def _graphs() -> list[tuple[str, Mapping[str, object]]]:
    def chain(length: int) -> dict[str, object]:
        links = {str(i): _call("Bump", n=[str(i - 1), 0]) for i in range(1, length)}
        return {"0": _call("Bump", n=length), **links, "end": _call("Tell", value=[str(length - 1), 0])}

    beside = {str(i): _call("Bump", n=i) for i in range(1000)}
    ends = {f"end {i}": _call("Tell", value=[str(i), 0]) for i in range(1000)}
    naps = {str(i): _call("Sleep", seconds=0.1 + i / 1e6) for i in range(8)}
    woken = {f"end {i}": _call("Tell", value=[str(i), 0]) for i in range(8)}
    return [
        *((f"chain of {length:,}", chain(length)) for length in (10, 100, 1_000, 10_000)),
        ("1,000 beside each other", {**beside, **ends}),
        ("8 that sleep 0.1 s", {**naps, **woken}),
    ]


async def queue() -> Table:
    """Many small jobs: what it costs to post one, to list them, and to run them one after the other."""
    rows = [await _queued(count) for count in QUEUES]
    columns = ["jobs", "post each", "/queue", "/jobs", "run each", "/history"]
    note = "Jobs of two nodes, posted by 16 clients while one job holds the queue; each list is asked for in full."
    return Table("Server: a long queue", columns, rows, note)


async def _queued(count: int) -> list[str]:
    HOLD.clear()
    async with _server() as running, aiohttp.ClientSession(running.url) as session:

        async def post(graph: Mapping[str, object]) -> None:
            async with session.post("/prompt", json={"prompt": graph}) as response:
                assert response.status == 200, await response.text()

        async def timed(path: str) -> str:
            started = time.perf_counter()
            async with session.get(path) as response:
                size = len(await response.read())
            return f"{(time.perf_counter() - started) * 1000:.0f} ms, {size / 1e6:.1f} MB"

        await post({"1": _call("Hold"), "2": _call("Tell", value=["1", 0])})
        graphs = iter([{"1": _call("Bump", n=n), "2": _call("Tell", value=["1", 0])} for n in range(count)])

        async def client() -> None:
            for graph in graphs:
                await post(graph)

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(16)))
        posted = time.perf_counter() - started
        waiting, listed = await timed("/queue"), await timed("/jobs")
        started = time.perf_counter()
        HOLD.set()
        while running.server.queue.remaining:
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - started
        told = await timed("/history")
        return [f"{count:,}", _each(posted, count), waiting, listed, _each(seconds, count), told]


def _each(seconds: float, count: int) -> str:
    return f"{seconds / count * 1000:.2f} ms"


@asynccontextmanager
async def _server() -> AsyncIterator[Running]:
    """A server of its own, with a state folder that goes with it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        folders = Folders(path / "input", path / "output", (), path / "temp", path)
        library = Library.of("bench", bump, sleep, tell, hold)
        async with serving(library, folders, path, Options(port=0)) as running:
            yield running


def _call(kind: str, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


async def _run(graph: Mapping[str, object]) -> tuple[float, int, int]:
    """Run a graph on a server of its own; give seconds, bytes and messages."""
    async with (
        _server() as running,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{running.url}/ws?clientId=me", max_msg_size=0) as ws,
    ):
        await ws.receive()
        started = time.perf_counter()
        listening = asyncio.create_task(_heard(ws))
        body = {"prompt": graph, "client_id": "me"}
        async with session.post(f"{running.url}/prompt", json=body) as response:
            assert response.status == 200, await response.text()
        size, messages = await listening
        return time.perf_counter() - started, size, messages


async def _heard(ws: aiohttp.ClientWebSocketResponse) -> tuple[int, int]:
    """Listen to the end of a run; give bytes and messages."""
    size = messages = 0
    while True:
        message = await ws.receive(timeout=PATIENCE)
        size += len(message.data)
        messages += 1
        executing = isinstance(message.data, str) and '"executing"' in message.data[:32]
        if executing and json.loads(message.data)["data"]["node"] is None:
            return size, messages
