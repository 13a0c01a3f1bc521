"""What packs written for ComfyUI add to a server: scripts, routes, messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...injected import Preview
from ...library import Library
from ..context import Server
from ..extensions import Extension
from ..messages import Message, Picture
from .foreign import foreign_packs
from .shims.prompt_server import PromptServer


def extensions(library: Library) -> tuple[Extension, ...]:
    """Collect what the packs of a library add to a server."""
    return tuple(
        Extension(pack.name, pack.web, [web.route(*route) for route in pack.routes], _connect)
        for pack in foreign_packs(library)
    )


def _connect(server: Server) -> None:
    """Let packs send messages: to one client, or to all."""

    def send(client: str | None, type: str, data: Mapping[str, Any] | Preview) -> None:
        message = Picture({}, data) if isinstance(data, Preview) else Message(type, dict(data))
        server.hub.post(client, [message])

    PromptServer.instance.connect(send)
