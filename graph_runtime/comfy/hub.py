"""The clients that listen on a WebSocket, and what is on its way to them."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress

from aiohttp import WSCloseCode, web

from .messages import Message, Outgoing, Picture, Words

CROWDED = 1 << 20
"""Bytes on their way to one socket above which what is passing is left out."""

OVERFULL = 32 << 20
"""Bytes on their way to one socket above which it is closed: its reader is gone, or too slow."""


class Socket:
    """One connection.

    Args:
        ws: The connection.
    """

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self.ws = ws
        self.features: Mapping[str, object] = {}
        self._frames: deque[str | bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def offer(self, message: Outgoing, frame: str | None = None) -> None:
        """Put a message on its way, unless it is passing and the reader is behind."""
        if self._bytes > CROWDED and (
            isinstance(message, Picture) or (isinstance(message, Message) and message.passing)
        ):
            return
        made = frame if frame is not None else self._framed(message)
        self._frames.append(made)
        self._bytes += len(made)
        self._ready.set()

    def _framed(self, message: Outgoing) -> str | bytes:
        match message:
            case Message():
                return message.frame()
            case Picture():
                return message.frame(self.features.get("supports_preview_metadata") is True)
            case Words():
                return message.frame(self.features.get("supports_progress_text_metadata") is True)

    async def write(self) -> None:
        """Send what was offered, in order, for as long as the connection lasts."""
        with suppress(ConnectionError, RuntimeError):
            while not self.ws.closed:
                await self._ready.wait()
                self._ready.clear()
                while self._frames:
                    if self._bytes > OVERFULL:
                        await self.ws.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
                        return
                    frame = self._frames.popleft()
                    self._bytes -= len(frame)
                    await (self.ws.send_str(frame) if isinstance(frame, str) else self.ws.send_bytes(frame))


class Hub:
    """All connections, by the id of the client; a client may have several."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[str, set[Socket]] = {}
        self._posted: list[tuple[str | None, tuple[Outgoing, ...]]] = []
        self._lock = threading.Lock()
        self._listening: set[str] = set()

    def join(self, client: str, socket: Socket) -> str:
        """Take in a connection; give the id of its client, made up where it has none."""
        client = client or uuid.uuid4().hex
        self._sockets.setdefault(client, set()).add(socket)
        return client

    def leave(self, client: str, socket: Socket) -> None:
        """Forget a connection."""
        sockets = self._sockets.get(client, set())
        sockets.discard(socket)
        if not sockets:
            self._sockets.pop(client, None)
            self._listening.discard(client)

    def post(self, client: str | None, messages: Iterable[Outgoing]) -> None:
        """Send messages to a client, or to all for None; may be called from any thread."""
        found = tuple(messages)
        if not found or client == "":
            return
        with self._lock:
            first = not self._posted
            self._posted.append((client, found))
        if first:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._deliver)

    def hears(self, client: str) -> bool:
        """Tell whether a client listens; may be called from any thread."""
        return client in self._sockets

    def log_to(self, client: str, enabled: bool) -> None:
        """Let a client hear of what is logged, or no more."""
        (self._listening.add if enabled else self._listening.discard)(client)

    @property
    def log_readers(self) -> tuple[str, ...]:
        """The clients that hear of what is logged."""
        return tuple(self._listening)

    async def close(self) -> None:
        """Close all connections."""
        sockets = [socket for group in self._sockets.values() for socket in group]
        await asyncio.gather(
            *(socket.ws.close(code=WSCloseCode.GOING_AWAY) for socket in sockets), return_exceptions=True
        )

    def _deliver(self) -> None:
        with self._lock:
            posted, self._posted = self._posted, []
        for client, messages in posted:
            for message in messages:
                self._send(client, message)

    def _send(self, client: str | None, message: Outgoing) -> None:
        groups = list(self._sockets.values()) if client is None else [self._sockets.get(client, set())]
        frame = message.frame() if isinstance(message, Message) and any(groups) else None
        for group in groups:
            for socket in group:
                socket.offer(message, frame)
