"""`server`: what packs know as the running server: routes to add to, messages to send."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from ....injected import Preview
from ..calling import current
from ..unoffered import stand_in
from .progress import drawn

Handler: TypeAlias = Callable[[dict[str, Any]], Any]  # a pack's function: what it takes was posted by a client
Running: TypeAlias = Callable[[], tuple[str, str] | None]
"""Tells the client whose prompt runs and the id of that prompt, or None."""

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

    def static(self, prefix: str, path: object, **_: object) -> None:
        """Have the files of a folder shown."""
        self.added.append(("GET", f"{prefix.rstrip('/')}/{{filename:.+}}", _shows(Path(str(path)))))


def _shows(folder: Path) -> Callable[[Any], Any]:
    async def show(request: Any) -> Any:
        from aiohttp import web

        path = (folder / request.match_info["filename"]).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)

    return show


class _Router:
    """Takes routes in the way of aiohttp's router."""

    def __init__(self, routes: _Routes) -> None:
        self._routes = routes

    def add_route(self, method: str, path: str, handler: Callable[..., Any], **_: object) -> None:
        """Add a route."""
        self._routes.added.append((method.upper(), path, handler))

    def add_static(self, prefix: str, path: object, **_: object) -> None:
        """Have the files of a folder shown."""
        self._routes.static(prefix, path)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("add_"):
            raise AttributeError(f"app.router.{name} is not offered here")
        return partial(self.add_route, name.removeprefix("add_"))


class _App:
    """Takes what packs add to aiohttp's application: routes; nothing else of it is theirs to change."""

    def __init__(self, routes: _Routes) -> None:
        self.router = _Router(routes)
        self.middlewares: list[object] = []
        self.on_startup: list[object] = []
        self.on_shutdown: list[object] = []
        self.on_cleanup: list[object] = []
        self.cleanup_ctx: list[object] = []
        self.frozen = False

    def add_routes(self, routes: Iterable[Any]) -> None:
        """Add routes, and folders whose files are shown."""
        for route in routes:
            if hasattr(route, "handler"):
                self.router.add_route(route.method, route.path, route.handler)
            else:
                self.router.add_static(route.prefix, route.path)


class _Later:
    """Stands in for the server's loop until one runs: keeps what is to be done in it."""

    def __init__(self) -> None:
        self.kept: list[Callable[[asyncio.AbstractEventLoop], object]] = []

    def create_task(self, work: Any, **_: object) -> None:
        """Keep a coroutine; where no server ever runs, it is never begun."""
        atexit.register(work.close)
        self.kept.append(lambda loop: loop.create_task(work))

    def call_soon_threadsafe(self, work: Callable[..., object], *given: object) -> None:
        """Keep a call."""
        self.kept.append(lambda loop: loop.call_soon(work, *given))

    call_soon = call_soon_threadsafe


class _Queue:
    """What packs may ask of the queue: how much is left, and to give back memory."""

    def __init__(self) -> None:
        self.remaining: Callable[[], int] = lambda: 0
        self.free: Callable[[bool, bool], None] = lambda models, results: None

    def get_tasks_remaining(self) -> int:
        """How many prompts wait or run."""
        return self.remaining()

    def set_flag(self, name: str, data: object) -> None:
        """Ask for memory to be given back once nothing runs: `unload_models` or `free_memory`."""
        self.free(name == "unload_models" and bool(data), name == "free_memory" and bool(data))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(f"server.PromptServer.prompt_queue.{name}")


class PromptServer:
    """What packs talk to; `instance` is the only one.

    While no server runs, messages go nowhere, and routes are kept for when one does.
    """

    instance: ClassVar[PromptServer]

    def __init__(self) -> None:
        self.routes = _Routes()
        self.app = _App(self.routes)
        self.supports = ["custom_nodes_from_web"]
        self.handlers: list[Handler] = []
        self.sockets: dict[str, object] = {}
        self._loop: asyncio.AbstractEventLoop | _Later = _Later()
        self.prompt_queue = _Queue()
        self.user_manager = stand_in("server.PromptServer.user_manager")
        self._send: Send | None = None
        self._running: Running = lambda: None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | _Later:
        """The loop in which the server runs, or what stands in for it until one does."""
        if isinstance(self._loop, asyncio.AbstractEventLoop) and self._loop.is_closed():
            self._loop = _Later()
        return self._loop

    @property
    def client_id(self) -> str | None:
        """The client whose prompt runs."""
        running = self._running()
        return running[0] if running is not None else None

    @property
    def last_prompt_id(self) -> str | None:
        """The id of the prompt that runs."""
        running = self._running()
        return running[1] if running is not None else None

    @property
    def last_node_id(self) -> str | None:
        """The node that runs."""
        return current().node or None

    @property
    def on_prompt_handlers(self) -> list[Handler]:
        """The functions that look at each prompt."""
        return self.handlers

    def connect(self, send: Send, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        """Connect it with a server.

        Args:
            send: Sends messages.
            loop: The loop in which the server runs.
            running: Tells what runs.
        """
        later, self._send, self._loop, self._running = self.loop, send, loop, running
        if isinstance(later, _Later):
            for begin in later.kept:
                begin(loop)

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message to a client, or to all: data by name, or a picture of Pillow's with a format and a size."""
        if self._send is None:
            return
        if isinstance(event, str) and isinstance(data, Mapping):
            self._send(sid, event, data)
        elif event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
            self._send(sid, "", drawn(data))

    def queue_updated(self) -> None:
        """Do nothing: clients are told of the queue by whoever changes it."""

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """Send a message to a client, or to all."""
        self.send_sync(event, data, sid)

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
PromptServer.__module__ = "server"  # packs ask for the file that it stands in
