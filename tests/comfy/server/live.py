"""A real server on a free port, and a plain client that talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from graph_runtime import Folders, Library
from graph_runtime.cache import Cache
from graph_runtime.comfy.serving import Options, Running, serving
from tests.engine.apples import LIBRARY, Orchard

PATIENCE = 20
HERE = Options(port=0)


@dataclass
class Listener:
    """A WebSocket, and what was heard on it."""

    ws: aiohttp.ClientWebSocketResponse
    heard: list[dict[str, Any]] = field(default_factory=list)
    binary: list[bytes] = field(default_factory=list)

    async def next(self) -> dict[str, Any] | bytes:
        """The next message."""
        message = await self.ws.receive(timeout=PATIENCE)
        if message.type is aiohttp.WSMsgType.BINARY:
            self.binary.append(message.data)
            return message.data
        assert message.type is aiohttp.WSMsgType.TEXT, message
        self.heard.append(json.loads(message.data))
        return self.heard[-1]

    async def until(self, type: str, **facts: object) -> dict[str, Any]:
        """Listen until a message of a type comes whose data holds these facts; give its data."""
        while True:
            said = await self.next()
            if isinstance(said, dict) and said["type"] == type and facts.items() <= said["data"].items():
                return said["data"]

    async def end(self, prompt_id: str) -> list[str]:
        """Listen to the end of a job; give the types of what was heard of it, in order."""
        await self.until("executing", node=None, prompt_id=prompt_id)
        return [said["type"] for said in self.heard if said["data"].get("prompt_id") == prompt_id]


@dataclass
class Client:
    """Talks to a server."""

    running: Running
    session: aiohttp.ClientSession

    @property
    def orchard(self) -> Orchard:
        return self.running.server.queue.executor.service(Orchard)

    async def get(self, path: str, **options: Any) -> Any:
        async with self.session.get(self.running.url + path, **options) as response:
            assert response.status == 200, (response.status, await response.text())
            return await response.json(content_type=None)

    async def post(self, path: str, body: object = None, status: int = 200, **options: Any) -> Any:
        async with self.session.post(self.running.url + path, json=body, **options) as response:
            text = await response.text()
            assert response.status == status, (response.status, text)
            return json.loads(text) if text else None

    async def prompt(self, nodes: Mapping[str, object], status: int = 200, **more: object) -> Any:
        """Post nodes written short, `{"1": ("Number", {"value": 1})}`; give the answer."""
        return await self.post("/prompt", {"prompt": api(nodes), **more}, status)

    async def done(self, id: str) -> dict[str, Any]:
        """Wait until a job is over; give it."""
        for _ in range(PATIENCE * 50):
            job = await self.get(f"/jobs/{id}")
            if job["status"] not in ("pending", "in_progress"):
                return job
            await asyncio.sleep(0.02)
        raise AssertionError(f"{id} does not end")

    @asynccontextmanager
    async def listen(self, client: str = "me", features: Mapping[str, object] | None = None) -> AsyncIterator[Listener]:
        async with self.session.ws_connect(
            f"{self.running.url}/ws", params={"clientId": client} if client else {}
        ) as ws:
            listener = Listener(ws)
            if features is not None:
                await ws.send_json({"type": "feature_flags", "data": dict(features)})
                await listener.until("feature_flags")
            else:
                await listener.until("status")
            yield listener


def api(nodes: Mapping[str, object]) -> dict[str, object]:
    """Write nodes in the API format."""
    return {id: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in nodes.items()}  # type: ignore[misc]


@asynccontextmanager
async def live(
    path: Path,
    options: Options = HERE,
    library: Library = LIBRARY,
    cache: Cache | None = None,
    models: tuple[Path, ...] = (),
    samples: tuple[Path, ...] = (),
) -> AsyncIterator[Client]:
    folders = Folders(
        path / "input",
        path / "output",
        models or (path / "models",),
        path / "temp",
        path / "state",
        samples=samples,
    )
    async with serving(library, folders, path / "state", options, cache) as running:
        headers = {"Authorization": f"Bearer {running.token}"} if running.token else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Client(running, session)


def talk(path: Path, conversation: Callable[[Client], Awaitable[None]], **more: Any) -> None:
    """Start a server, and have a conversation with it."""

    async def go() -> None:
        async with live(path, **more) as client:
            await conversation(client)

    asyncio.run(asyncio.wait_for(go(), 60))
