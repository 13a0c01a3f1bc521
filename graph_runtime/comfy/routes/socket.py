"""The WebSocket on which clients hear how their jobs go."""

from __future__ import annotations

import asyncio
import json

from aiohttp import WSMsgType, web

from ..bodies import refused
from ..context import Route, Server, server_of
from ..hub import Socket
from ..messages import Data, Message
from .machine import FEATURES

LONGEST = 1 << 20
"""Bytes of one message from a client."""


async def get_ws(request: web.Request) -> web.StreamResponse:
    """Talk to a client until it goes."""
    server = server_of(request)
    client = request.query.get("clientId", "")
    if len(client) > 128 or not client.isprintable():
        raise refused("clientId: needs up to 128 printable characters.")
    ws = web.WebSocketResponse(heartbeat=30, max_msg_size=LONGEST)
    if not ws.can_prepare(request).ok:
        raise refused("this route is a WebSocket.", 426)
    await ws.prepare(request)
    socket = Socket(ws)
    client = server.hub.join(client, socket)
    writer = asyncio.create_task(socket.write())
    try:
        _welcome(server, client, socket)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                _hear(socket, message.data)
    finally:
        server.hub.leave(client, socket)
        writer.cancel()
    return ws


def _welcome(server: Server, client: str, socket: Socket) -> None:
    """Tell a client its id, how many jobs are left, and what its own job is doing."""
    status = server.queue.status()
    socket.offer(Message("status", {**status.data, "sid": client}))
    running = server.queue.running
    if running is not None and running.job.summary.client == client:
        start: Data = {"prompt_id": running.narration.job, "timestamp": running.job.summary.started}
        socket.offer(Message("execution_start", start))
        for message in running.narration.snapshot():
            socket.offer(message)


def _hear(socket: Socket, text: str) -> None:
    """Take in what a client says it can do, and say what the server can; anything else is noise."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(said, dict) and said.get("type") == "feature_flags" and isinstance(said.get("data"), dict):
        socket.features = said["data"]
        socket.offer(Message("feature_flags", dict(FEATURES)))


ROUTES = (Route("GET", "/ws", get_ws),)
