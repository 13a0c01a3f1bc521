"""What packs add to the server: scripts for the editor, and routes of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .context import Posted, Rewrite, Server

_log = logging.getLogger(__name__)


def _nothing(server: Server) -> None:
    return None


def _unchanged(body: Posted) -> Posted:
    return body


@dataclass(frozen=True)
class Extension:
    """What one pack adds.

    Attributes:
        name: The name of the pack; its scripts are served under /extensions/name/.
        scripts: The folder with its scripts, or None.
        routes: Its routes, as aiohttp collects them.
        started: Called with the server once it can be reached, to send messages through its hub.
        rewrite: Changes what a client posted, before it is checked.
    """

    name: str
    scripts: Path | None = None
    routes: Iterable[web.AbstractRouteDef] = ()
    started: Callable[[Server], None] = _nothing
    rewrite: Rewrite = _unchanged


def add_routes(app: web.Application, extensions: Iterable[Extension]) -> None:
    """Add the routes of packs, plain and under /api, behind the same gate; one that cannot be added stops no other."""
    for extension in extensions:
        for route in extension.routes:
            for prefixed in _twins(route):
                try:
                    prefixed.register(app.router)
                except (ValueError, RuntimeError, TypeError) as error:
                    _log.warning("the pack %s: a route cannot be added: %s", extension.name, error)


def _twins(route: web.AbstractRouteDef) -> list[web.AbstractRouteDef]:
    if isinstance(route, web.RouteDef):
        return [route, web.RouteDef(route.method, f"/api{route.path}", route.handler, route.kwargs)]
    return [route]
