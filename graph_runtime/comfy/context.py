"""What the routes of a server share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec, TypeAlias, TypeVar

from aiohttp import web

from ..injected import Folders
from ..library import Library
from .gate import Gate, Takes
from .hub import Hub
from .jobs import Jobs
from .logs import Logs
from .queue import Queue

P = ParamSpec("P")
T = TypeVar("T")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Posted: TypeAlias = Mapping[str, object]
"""What a client posts to have a prompt run, as JSON data."""

Rewrite: TypeAlias = Callable[[Posted], Posted]


@dataclass(frozen=True)
class Server:
    """A server at work.

    Attributes:
        library: The nodes.
        folders: Where runs read and write.
        state: Where settings and workflows of the user lie.
        jobs: All jobs.
        queue: What runs them.
        hub: The clients that listen.
        logs: What was logged lately.
        gate: Decides who may talk to it.
        frontend: The folder of the editor's files, or None where it is not installed.
        companions: Folders of packages that go with the editor, by the first part of their address.
        web: Folders with scripts that extend the editor, by the name under which they are served.
        templates: Folders with workflows that the editor offers as templates, by the name it shows.
        rewrites: What packs change in what clients post.
        started: When it started, in seconds since 1970.
        desk: Threads that take in prompts and look up jobs; nothing else keeps them waiting.
    """

    library: Library
    folders: Folders
    state: Path
    jobs: Jobs
    queue: Queue
    hub: Hub
    logs: Logs
    gate: Gate
    frontend: Path | None = None
    companions: dict[str, Path] = field(default_factory=dict)
    web: dict[str, Path] = field(default_factory=dict)
    templates: dict[str, Path] = field(default_factory=dict)
    rewrites: tuple[Rewrite, ...] = ()
    started: float = field(default_factory=time.time)
    desk: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(thread_name_prefix="desk"))

    async def at_desk(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do some work on prompts and jobs in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.desk, partial(work, *given, **named))


SERVER: web.AppKey[Server] = web.AppKey("server", Server)


@dataclass(frozen=True, slots=True)
class Route:
    """A route, and what it takes as its body."""

    method: str
    path: str
    handler: Handler
    takes: Takes = "nothing"


Routes: TypeAlias = Sequence[Route]


def in_thread(work: Callable[[web.Request], web.StreamResponse]) -> Handler:
    """Make a handler of a plain function; where it waits for a slow disk, it holds up nobody but who asked."""

    @wraps(work)
    async def handler(request: web.Request) -> web.StreamResponse:
        return await asyncio.to_thread(work, request)

    return handler


def server_of(request: web.Request) -> Server:
    """The server that a request came to."""
    return request.app[SERVER]


def whole_number(request: web.Request, name: str, otherwise: int | None) -> int | None:
    """Read a whole number from the query; what is none counts as left out."""
    text = request.query.get(name, "")
    return int(text) if text.lstrip("-").isdecimal() and text.isascii() and len(text) < 16 else otherwise


def flag(request: web.Request, name: str) -> bool:
    """Read a truth value from the query."""
    return request.query.get(name, "").casefold() in ("true", "1", "yes")
