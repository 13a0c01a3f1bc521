"""Clients on the WebSocket: several of one id, late ones, slow ones, noisy ones, many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from graph_runtime.comfy.hub import CROWDED, OVERFULL, Socket
from graph_runtime.comfy.messages import Message, Picture, Words
from graph_runtime.injected import Preview
from tests.comfy.server.live import Client, talk

GATE = {"1": ("WaitAtGate", {}), "2": ("Tell", {"value": ["1", 0]})}
QUICK = {"1": ("Number", {"value": 1}), "2": ("Tell", {"value": ["1", 0]})}


def test_client_without_an_id_gets_one(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen("") as first, client.listen("") as second:
            ids = {listener.heard[0]["data"]["sid"] for listener in (first, second)}
            assert len(ids) == 2
            mine = first.heard[0]["data"]["sid"]
            id = (await client.prompt(QUICK, client_id=mine))["prompt_id"]
            await first.end(id)

    talk(tmp_path, conversation)


def test_two_sockets_of_one_client_both_live(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with AsyncExitStack() as stack:
            older = await stack.enter_async_context(client.listen("me"))
            async with client.listen("me") as newer:
                id = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
                assert await older.end(id) == await newer.end(id)
            again = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
            assert "execution_success" in await older.end(again)
        async with client.listen("me") as listener:
            last = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
            assert "execution_success" in await listener.end(last)

    talk(tmp_path, conversation)


def test_older_socket_may_close_first(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with AsyncExitStack() as stack:
            async with client.listen("me"):
                newer = await stack.enter_async_context(client.listen("me"))
            id = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
            assert "execution_success" in await newer.end(id)

    talk(tmp_path, conversation)


def test_client_that_comes_back_is_told_what_runs(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen("me") as first:
            id = (await client.prompt(GATE, client_id="me"))["prompt_id"]
            await first.until("executing", node="1")
        async with client.listen("me") as second:
            await second.until("execution_start", prompt_id=id)
            await second.until("executing", node="1")
            state = await second.until("progress_state", prompt_id=id)
            assert state["nodes"]["1"]["state"] == "running"
            client.orchard.gate.set()
            assert "execution_success" in await second.end(id)
        async with client.listen("other") as other:
            assert [said["type"] for said in other.heard] == ["status"]

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    "noise", ["", "{", "[" * 100_000, '"x"', "[]", '{"type": 5}', '{"type": "feature_flags", "data": 5}']
)
def test_noise_is_ignored(tmp_path: Path, noise: str) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen("me") as listener:
            await listener.ws.send_str(noise)
            await listener.ws.send_bytes(b"\x00\xff")
            id = (await client.prompt(QUICK, client_id="me"))["prompt_id"]
            assert "execution_success" in await listener.end(id)

    talk(tmp_path, conversation)


def test_flags_are_answered(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen("me", {"supports_preview_metadata": True}) as listener:
            assert listener.heard[-1]["data"]["supports_preview_metadata"] is True

    talk(tmp_path, conversation)


def test_route_wants_a_websocket(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.session.get(f"{client.running.url}/ws") as response:
            assert response.status == 426
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(f"{client.running.url}/ws", params={"clientId": "x" * 200})

    talk(tmp_path, conversation)


def test_fifty_clients_each_hear_of_their_own_jobs(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with AsyncExitStack() as stack:
            names = [f"client-{n}" for n in range(50)]
            listeners = [await stack.enter_async_context(client.listen(name)) for name in names]
            ids = [(await client.prompt(QUICK, client_id=name))["prompt_id"] for name in names]
            ends = await asyncio.gather(*(one.end(id) for one, id in zip(listeners, ids, strict=True)))
            assert all("execution_success" in types for types in ends)
            for listener, id in zip(listeners, ids, strict=True):
                assert {said["data"]["prompt_id"] for said in listener.heard if "prompt_id" in said["data"]} == {id}

    talk(tmp_path, conversation)


class Pipe:
    """Stands for a connection whose other end reads nothing."""

    def __init__(self) -> None:
        self.closed = False
        self.sent: list[str | bytes] = []

    async def send_str(self, frame: str) -> None:
        self.sent.append(frame)

    async def close(self, **reason: object) -> None:
        self.closed = True


def test_slow_reader_misses_what_is_passing_and_is_closed_in_the_end() -> None:
    async def go() -> None:
        pipe = Pipe()
        socket = Socket(pipe)  # type: ignore[arg-type]
        big = Message("executed", {"text": "x" * (CROWDED + 1)})
        socket.offer(big)
        socket.offer(Message("progress", {}, passing=True))
        socket.offer(Picture({}, Preview("image/png", b"x")))
        socket.offer(Message("executing", {}))
        writer = asyncio.create_task(socket.write())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [json.loads(frame)["type"] for frame in pipe.sent] == ["executed", "executing"]
        for _ in range(OVERFULL // CROWDED + 1):
            socket.offer(big)
        await asyncio.wait_for(writer, 5)
        assert pipe.closed

    asyncio.run(go())


@pytest.mark.parametrize(("format", "number"), [("image/jpeg", 1), ("image/png", 2)])
def test_binary_frames(format: str, number: int) -> None:
    picture = Picture({"node_id": "7"}, Preview(format, b"data"))
    assert picture.frame(False) == bytes([0, 0, 0, 1, 0, 0, 0, number]) + b"data"
    framed = picture.frame(True)
    length = int.from_bytes(framed[4:8])
    about: Mapping[str, object] = json.loads(framed[8 : 8 + length])
    assert (framed[:4], about, framed[8 + length :]) == (b"\0\0\0\4", {"node_id": "7", "image_type": format}, b"data")
    assert Words("job", "7", "ripe").frame(True) == b"\0\0\0\3\0\0\0\3job\0\0\0\x017ripe"
    assert Words("job", "7", "ripe").frame(False) == b"\0\0\0\3\0\0\0\x017ripe"
