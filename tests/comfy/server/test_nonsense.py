"""Nonsense on every route: an answer that says so, never a fault of the server's own."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from pathlib import Path

import pytest
from yarl import URL

from graph_runtime.comfy.gate import TYPES
from graph_runtime.comfy.server import ROUTES
from tests.comfy.server.live import Client, talk

NAMES = [
    "x",
    "..",
    "%2e%2e",
    "%00",
    "%ff",
    "%ed%a0%80",
    "%2F%2Fetc%2Fpasswd",
    "a" * 3000,
    "%F0%9F%8D%8E",
    "C:%5Cx",
    "%0d%0a",
    "-1",
    "~",
]
QUERY = ["", "..", "/etc/passwd", "\x00", "\ud83c", "9" * 400, "-1", "NaN", "webp;-5", "a" * 500, "x [temp]", "true"]
KEYS = [
    "filename",
    "subfolder",
    "type",
    "preview",
    "channel",
    "dir",
    "path",
    "limit",
    "offset",
    "max_items",
    "status",
    "overwrite",
]


def tell(value: object) -> dict[str, object]:
    return {"1": {"class_type": "Tell", "inputs": {"value": value}}}


VALUES: list[object] = [
    None, 0, "", [], {}, [[]], {"": None}, {"prompt": {"1": None}}, {"delete": "x", "clear": "x"},
    {"delete": [None, {}, "x"], "clear": 1}, {"job_ids": {"x": 1}}, {"prompt_id": {}},
    {"unload_models": "x", "free_memory": []}, {"clientId": [], "enabled": {}}, {"prompt": tell(["1", 0])},
    {"prompt": tell([["1"], 0])}, {"prompt": tell([])}, {"prompt": tell({"__value__": ["1", 0]})},
    {"prompt": tell(1), "extra_data": {"extra_pnginfo": None}}, {"prompt": tell(1), "partial_execution_targets": [""]},
]  # fmt: skip


@pytest.fixture
def faults(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    return caplog


def test_names_in_the_path(tmp_path: Path, faults: pytest.LogCaptureFixture) -> None:
    async def conversation(client: Client) -> None:
        for route, name in itertools.product(ROUTES, NAMES):
            if "{" in route.path:
                fitting = name[: 7_000 // route.path.count("{")]  # longer addresses come no further than aiohttp
                path = re.sub(r"\{\w+\}", lambda _, name=fitting: name, route.path)  # type: ignore[misc]
                url = URL(client.running.url + path, encoded=True)
                async with client.session.request(route.method, url) as response:
                    assert response.status < 500, (route, name, await response.text())

    talk(tmp_path, conversation)
    assert not faults.records


def test_values_in_the_query(tmp_path: Path, faults: pytest.LogCaptureFixture) -> None:
    async def conversation(client: Client) -> None:
        for route, value in itertools.product(ROUTES, QUERY):
            if route.method == "GET" and route.path != "/ws":
                query = {key: value.encode("utf-8", "replace").decode() for key in KEYS}
                async with client.session.get(client.running.url + route.path, params=query) as response:
                    assert response.status < 500, (route, value, await response.text())

    talk(tmp_path, conversation)
    assert not faults.records


def test_values_in_the_body(tmp_path: Path, faults: pytest.LogCaptureFixture) -> None:
    async def conversation(client: Client) -> None:
        for route, value in itertools.product(ROUTES, VALUES):
            if route.method in ("POST", "PATCH", "DELETE"):
                type = {"form": "multipart/form-data; boundary=x"}.get(route.takes, "application/json")
                assert type.partition(";")[0] in TYPES[route.takes]
                path = client.running.url + route.path
                async with client.session.request(
                    route.method, path, data=json.dumps(value).encode(), headers={"Content-Type": type}
                ) as response:
                    assert response.status < 500, (route, value, await response.text())
        answer = await client.prompt({"1": ("Tell", {"value": 1})})
        assert (await client.done(answer["prompt_id"]))["status"] == "completed"

    talk(tmp_path, conversation)
    assert not faults.records


def test_requests_that_are_no_http(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        port = URL(client.running.url).port
        for data in (
            b"\x00" * 100,
            b"GET\r\n\r\n",
            b"POST /prompt HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
            b"",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 10)
            writer.close()
        assert (await client.get("/users"))["storage"] == "server"

    talk(tmp_path, conversation)
