"""The queue: what leaves it, and that it survives whatever happens to the server."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph_runtime import Folders, Service
from graph_runtime.comfy.jobs import Jobs, Offer
from tests.comfy.server.live import PATIENCE, Client, api, talk

GATE = {"1": ("WaitAtGate", {}), "2": ("Tell", {"value": ["1", 0]})}
HELD = {"1": ("HoldGate", {}), "2": ("Tell", {"value": ["1", 0]})}
QUICK = {"1": ("Number", {"value": 1}), "2": ("Tell", {"value": ["1", 0]})}
CODE = """
import sys
from graph_runtime.cli import main
port, state, nodes, out = sys.argv[1:]
main(["serve", "--no-browser", "--port", port, "--state", state, "--nodes", nodes, "--out", out])
"""


def test_waiting_jobs_are_listed_and_withdrawn(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            first = (await client.prompt(GATE, client_id="me"))["prompt_id"]
            await listener.until("executing", node="1")
            ids = [(await client.prompt(QUICK))["prompt_id"] for _ in range(4)]
            queue = await client.get("/queue")
            assert [item[1] for item in queue["queue_running"]] == [first]
            assert [item[1] for item in queue["queue_pending"]] == ids
            assert queue["queue_pending"][0][2] == api(QUICK)
            await client.post("/queue", {"delete": [ids[1], "nothing"]})
            assert await client.post("/jobs/cancel", {"job_ids": [ids[2]]}) == {"cancelled": True}
            assert await client.post(f"/jobs/{ids[0]}/cancel") == {"cancelled": True}
            assert [item[1] for item in (await client.get("/queue"))["queue_pending"]] == [ids[3]]
            listed = await client.get("/jobs?status=in_progress,pending")
            assert [(job["id"], job["status"]) for job in listed["jobs"]] == [
                (ids[3], "pending"),
                (first, "in_progress"),
            ]
            await client.post("/queue", {"clear": True})
            assert (await client.get("/prompt"))["exec_info"]["queue_remaining"] == 1
            client.orchard.gate.set()
            assert (await client.done(first))["status"] == "completed"
            await client.post("/history", {"delete": [first]})
            assert await client.get("/history") == {}

    talk(tmp_path, conversation)


@pytest.mark.parametrize("path", ["/interrupt", "/jobs/{id}/cancel"])
def test_interrupting_takes_effect_at_the_next_tick(tmp_path: Path, path: str) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            id = (await client.prompt(GATE, client_id="me"))["prompt_id"]
            await listener.until("executing", node="1")
            started = time.perf_counter()
            await client.post("/interrupt", {"prompt_id": "another"})
            await client.post(path.format(id=id))
            told = await listener.until("execution_interrupted", prompt_id=id)
            assert time.perf_counter() - started < 2
            assert (told["node_id"], told["node_type"]) == ("1", "WaitAtGate")
            await listener.until("executing", node=None)
            entry = (await client.get(f"/history/{id}"))[id]
            assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
            assert (await client.get(f"/jobs/{id}"))["status"] == "cancelled"
            after = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
            assert (await client.done(after))["status"] == "completed"

    talk(tmp_path, conversation)


def test_failed_job_is_repeated(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        (tmp_path / "input").mkdir()
        (tmp_path / "input" / "a.txt").write_text("apple")
        async with client.listen() as listener:
            await client.prompt(HELD, client_id="me")
            await listener.until("executing", node="1")
            nodes = {"1": ("ReadFile", {"name": "a.txt"}), "2": ("Tell", {"value": ["1", 0]})}
            id = (await client.prompt(nodes))["prompt_id"]
            assert (await client.post(f"/jobs/{id}/retry", status=409))["error"]["details"]
            (tmp_path / "input" / "a.txt").unlink()
            client.orchard.gate.set()
            job = await client.done(id)
            assert job["status"] == "failed"
            assert job["execution_error"]["node_id"] == "1"
            (tmp_path / "input" / "a.txt").write_text("pear")
            again = (await client.post(f"/jobs/{id}/retry"))["prompt_id"]
            assert again != id
            assert (await client.done(again))["outputs"] == {"2": {"text": ["pear"]}}

    talk(tmp_path, conversation)


def test_free_closes_services_between_jobs(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        orchard = client.orchard
        await client.post("/free", {"unload_models": True, "free_memory": True})
        for _ in range(PATIENCE * 50):
            if orchard.closed:
                break
            await asyncio.sleep(0.02)
        assert orchard.closed == 1
        assert client.orchard is not orchard

    talk(tmp_path, conversation)


class Leaking(Service):
    """A service that cannot be closed."""

    @classmethod
    def open(cls, folders: Folders) -> Leaking:
        return cls()

    def close(self) -> None:
        raise OSError("it leaks")


def test_fault_of_the_queue_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def conversation(client: Client) -> None:
        client.running.server.queue.executor.service(Leaking)
        await client.post("/free", {"unload_models": True})
        for _ in range(PATIENCE * 50):
            if "it leaks" in caplog.text:
                break
            await asyncio.sleep(0.02)
        id = (await client.prompt(QUICK))["prompt_id"]
        assert (await client.done(id))["status"] == "completed"

    talk(tmp_path, conversation)
    assert "it leaks" in caplog.text


def test_stopping_puts_the_running_job_back(tmp_path: Path) -> None:
    async def first(client: Client) -> None:
        async with client.listen() as listener:
            await client.prompt(GATE, client_id="me", prompt_id="kept")
            await listener.until("executing", node="1")

    async def second(client: Client) -> None:
        client.orchard.gate.set()
        assert (await client.done("kept"))["status"] == "completed"

    talk(tmp_path, first)
    talk(tmp_path, second)


def test_killed_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Jobs are posted while the server is killed again and again; each accepted one ends, and ends once."""
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "apples.py").write_text("from tests.engine.apples import LIBRARY\n")
    accepted: list[str] = []
    for turn in range(3):
        with Process(tmp_path, packs) as server:
            for number in range(15):
                nodes = {
                    "1": ("Nap", {"seconds": 0.005 + number / 1e6 + turn / 1e4}),
                    "2": ("Tell", {"value": ["1", 0]}),
                }
                accepted.append(server.post("/prompt", {"prompt": api(nodes)})["prompt_id"])
            if turn == 2:
                server.drained()
                history = server.get("/history")
    assert sorted(history) == sorted(accepted)
    assert all(entry["status"]["completed"] and entry["outputs"]["2"] for entry in history.values())


class Process:
    """`controlgraph serve` in a process of its own, killed at the end."""

    def __init__(self, path: Path, packs: Path) -> None:
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        root = Path(__file__).parents[3]
        command = [sys.executable, "-c", CODE, port, str(path / "state"), str(packs), str(path / "out")]
        self.process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})

    def __enter__(self) -> Process:
        for _ in range(PATIENCE * 20):
            try:
                self.get("/features")
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("the server does not start")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def get(self, path: str) -> dict[str, dict]:  # type: ignore[type-arg]
        with urllib.request.urlopen(self.url + path) as response:
            return dict(json.loads(response.read()))

    def post(self, path: str, body: object) -> dict[str, str]:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request) as response:
            return dict(json.loads(response.read()))

    def drained(self) -> None:
        for _ in range(PATIENCE * 20):
            if self.get("/prompt")["exec_info"]["queue_remaining"] == 0:
                return
            time.sleep(0.05)
        raise AssertionError("the queue does not empty")


@contextmanager
def full_disk(bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_accepts_a_job_or_refuses_it(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            running = (await client.prompt(GATE, client_id="me"))["prompt_id"]
            await listener.until("executing", node="1")
            accepted, refused = [], 0
            with full_disk(400_000):
                for place in range(30):
                    body = {"prompt": api(QUICK), "prompt_id": f"job {place}".replace(" ", "-"),
                            "extra_data": {"note": "x" * 30_000}}  # fmt: skip
                    async with client.session.post(f"{client.running.url}/prompt", json=body) as response:
                        assert response.status in (200, 507), await response.text()
                        accepted += [body["prompt_id"]] if response.status == 200 else []
                        refused += response.status == 507
                        assert response.status == 200 or "nothing was changed" in await response.text()
                assert accepted and refused
                client.orchard.gate.set()
                await asyncio.sleep(0.2)
            assert (await client.done(running))["status"] == "completed"
            for id in accepted:
                assert (await client.done(id))["status"] == "completed"
            assert list(await client.get("/history")) == [running, *accepted]
            again = (await client.prompt(QUICK))["prompt_id"]
            assert (await client.done(again))["status"] == "completed"

    talk(tmp_path, conversation)


def test_a_full_disk_keeps_the_settings_that_were(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        await client.post("/settings", {"a": 1})
        with full_disk(20_000):
            said = await client.post("/settings", {"a": "x" * 30_000}, status=507)
        assert "nothing was changed" in said["error"]["details"]
        assert await client.get("/settings/a") == 1

    talk(tmp_path, conversation)


def test_a_job_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    """Counts the steps of the database's machine: nothing reads all jobs for one of them."""
    jobs, steps = Jobs(tmp_path / "jobs.sqlite"), [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def cost(name: str) -> int:
        jobs.add(Offer(name, 0, "[]", "{}", "{}"))
        steps[0] = 0
        job = jobs.take(1)
        assert job is not None
        jobs.finish(job.summary.id, "completed", 2, "{}", "{}")
        jobs.find(name)
        jobs.listed(("pending",), 10, 0)
        list(jobs.history(10, -1))
        return steps[0]

    jobs._database.set_progress_handler(count, 10)
    costs = [cost(str(place)) for place in range(600)]
    assert costs[599] < costs[99] * 1.5
