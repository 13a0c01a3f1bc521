"""`server`: what packs know as the running server: routes to add to, messages to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

from ....injected import Preview
from ..calling import current
from .progress import drawn

Handler: TypeAlias = Callable[[dict[str, Any]], Any]  # a pack's function: what it takes was posted by a client
Send: TypeAlias = Callable[[str | None, str, Mapping[str, Any] | Preview], None]
"""Takes the client or None for all, the type of a message, and its data or a picture."""


class BinaryEventTypes:
    """The numbers of messages that are no text."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


class _Routes:
    """Takes routes in the way of aiohttp's table of routes."""

    def __init__(self) -> None:
        self.added: list[tuple[str, str, Callable[..., Any]]] = []

    def _adder(self, method: str) -> Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]:
        def at(path: str, **_: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
            def add(handler: Callable[..., Any]) -> Callable[..., Any]:
                self.added.append((method, path, handler))
                return handler

            return add

        return at

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ("get", "post", "put", "patch", "delete", "head"):
            raise AttributeError(f"routes.{name} is not offered here")
        return self._adder(name.upper())

    def route(self, method: str, path: str, **_: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a route of any method."""
        return self._adder(method.upper())(path)


class PromptServer:
    """What packs talk to; `instance` is the only one.

    While no server runs, messages go nowhere, and routes are kept for when one does.
    """

    instance: ClassVar[PromptServer]

    def __init__(self) -> None:
        self.routes = _Routes()
        self.client_id: str | None = None
        self.last_node_id: str | None = None
        self.supports = ["custom_nodes_from_web"]
        self.handlers: list[Handler] = []
        self._send: Send | None = None

    def connect(self, send: Send | None) -> None:
        """Say where messages go: to one client, or to all for None."""
        self._send = send

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message to a client, or to all: data by name, or a picture of Pillow's with a format and a size."""
        if self._send is None:
            return
        if isinstance(event, str) and isinstance(data, Mapping):
            self._send(sid, event, data)
        elif event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
            self._send(sid, "", drawn(data))

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message to a client, or to all."""
        self.send_sync(event, data, sid)

    def send_progress_text(self, text: str | bytes, node_id: str, sid: str | None = None) -> None:
        """Say something at the node that runs."""
        current().progress.say(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)

    def add_on_prompt_handler(self, handler: Handler) -> None:
        """Have a function look at each prompt before it is checked, and change it: it takes what was posted."""
        self.handlers.append(handler)


PromptServer.instance = PromptServer()
