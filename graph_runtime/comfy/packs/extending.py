"""What packs written for ComfyUI add to a server: scripts, routes, messages."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from ...injected import Preview
from ...library import Library
from ..context import Posted, Server
from ..extensions import Extension
from ..messages import Message, Picture
from .calling import current, entered
from .foreign import ForeignPack, foreign_packs
from .modules import importable
from .shims.prompt_server import PromptServer

_log = logging.getLogger(__name__)


def extensions(library: Library) -> tuple[Extension, ...]:
    """Collect what the packs of a library add to a server."""
    return tuple(
        Extension(
            pack.name, pack.web, [web.route(*route) for route in pack.routes], _connect, partial(_rewritten, pack)
        )
        for pack in foreign_packs(library)
    )


def _rewritten(pack: ForeignPack, body: Posted) -> Posted:
    """Let the functions of a pack change what a client posted; one that fails, or gives no JSON, changes nothing."""
    for change in pack.on_prompt:
        try:
            with importable(), entered(current()):
                found = json.loads(json.dumps(change(copy.deepcopy(dict(body))), allow_nan=False))
        except Exception:
            _log.warning("the pack %s cannot change a prompt", pack.name, exc_info=True)
            continue
        body = found if isinstance(found, dict) else body
    return body


def _connect(server: Server) -> None:
    """Let packs send messages: to one client, or to all."""

    def send(client: str | None, type: str, data: Mapping[str, Any] | Preview) -> None:
        message = Picture({}, data) if isinstance(data, Preview) else Message(type, dict(data))
        server.hub.post(client, [message])

    def running() -> tuple[str, str] | None:
        found = server.queue.running
        return None if found is None else (found.job.summary.client, found.job.summary.id)

    queue = PromptServer.instance.prompt_queue
    queue.remaining, queue.free = (lambda: server.queue.remaining), server.queue.free
    PromptServer.instance.connect(send, asyncio.get_running_loop(), running)
