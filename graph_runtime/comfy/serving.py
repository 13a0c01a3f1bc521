"""Starts a server, tells where it is, and stops it in order."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import logging
import os
import secrets
import signal
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from ..cache import Cache
from ..errors import GraphError
from ..executor import Executor
from ..injected import Folders
from ..library import Library
from ..metadata import Metadata
from .context import Server
from .extensions import Extension
from .gate import Gate
from .hub import Hub
from .jobs import Jobs
from .logs import Logs
from .queue import Queue
from .routes.machine import log_message
from .server import application

PATIENCE = 2.0
"""Seconds that open connections get when the server stops."""

INTERRUPTED = 130
"""The exit code of a server that was asked twice to stop."""


@dataclass(frozen=True)
class Options:
    """How a server is run.

    Attributes:
        address: Where it listens.
        port: The port; 0 takes a free one.
        names: Further names under which it may be addressed.
        auth: Whether a token is asked for where other machines can reach it.
        templates: Folders with workflows that the editor offers, by the name it shows.
        extensions: What packs add to the server.
        metadata: What saved files carry of the workflow that made them.
    """

    address: str = "127.0.0.1"
    port: int = 8188
    names: tuple[str, ...] = ()
    auth: bool = True
    templates: tuple[tuple[str, Path], ...] = ()
    extensions: tuple[Extension, ...] = ()
    metadata: Metadata = "full"


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        server: The server.
        url: Its address, for a browser.
        token: What a client has to know, or "".
    """

    server: Server
    url: str
    token: str

    @property
    def door(self) -> str:
        """The address to open in a browser; it brings the token along."""
        return f"{self.url}/?token={self.token}" if self.token else f"{self.url}/"


COMPANIONS = {"templates": "comfyui_workflow_templates/templates", "docs": "comfyui_embedded_docs/docs"}
"""Packages with templates and help pages that are served where they are installed, and where in them these lie."""


def frontend() -> Path | None:
    """The folder of the editor's files, or None where the package is not installed."""
    folder = _installed("comfyui_frontend_package/static")
    return folder if folder is not None and (folder / "index.html").is_file() else None


def companions() -> dict[str, Path]:
    """The folders of the packages that go with the editor, as far as they are installed."""
    found = {name: _installed(place) for name, place in COMPANIONS.items()}
    return {name: folder for name, folder in found.items() if folder is not None}


def _installed(place: str) -> Path | None:
    """A folder in an installed package, or None; the package is not imported."""
    package, _, inside = place.partition("/")
    spec = importlib.util.find_spec(package)
    folder = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
    return folder if folder is not None and folder.is_dir() else None


@asynccontextmanager
async def serving(
    library: Library, folders: Folders, state: Path, options: Options, cache: Cache | None = None,
    forget: Callable[[], None] = lambda: None,
) -> AsyncIterator[Running]:  # fmt: skip
    """Run a server for as long as the block lasts.

    Args:
        library: The nodes.
        folders: Where runs read and write.
        state: Where the queue, the history, settings and workflows are kept.
        options: How it is run.
        cache: Where results are kept.
        forget: Forgets the results that are kept in memory.

    Raises:
        GraphError: The address is taken, or the state folder cannot be used.
    """
    listening = _listening(options)
    executor = Executor(folders, cache, metadata=options.metadata)
    server = _server(library, folders, state, options, executor, forget)
    logging.getLogger().addHandler(server.logs)
    app = application(server, options.extensions)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        for extension in options.extensions:
            extension.started(server)
        server.queue.start()
        yield Running(server, _url(options.address, listening.getsockname()[1]), server.gate.token)
    finally:
        await server.hub.close()
        await runner.cleanup()
        await server.at_desk(server.queue.close)
        await server.at_desk(executor.close)
        server.desk.shutdown()
        server.jobs.close()
        logging.getLogger().removeHandler(server.logs)


def _server(
    library: Library, folders: Folders, state: Path, options: Options, executor: Executor, forget: Callable[[], None]
) -> Server:
    """Put a server together; nothing runs yet."""
    jobs, hub, logs = Jobs(state / "jobs.sqlite"), Hub(), Logs()
    logs.listener = partial(_tell_readers, hub)
    token = secrets.token_urlsafe(24) if options.auth and not _is_loopback(options.address) else ""
    gate = Gate.at(options.address, options.names, token)
    queue = Queue(jobs, library, executor, hub.post, hub.hears, forget)
    scripts = {one.name: one.scripts for one in options.extensions if one.scripts is not None}
    scripts["controlgraph"] = Path(__file__).parent / "web"
    templates = dict(options.templates)
    rewrites = tuple(one.rewrite for one in options.extensions)
    return Server(
        library, folders, state, jobs, queue, hub, logs, gate, frontend(), companions(), scripts, templates, rewrites
    )  # fmt: skip


def _tell_readers(hub: Hub, line: Mapping[str, str]) -> None:
    for client in hub.log_readers:
        hub.post(client, [log_message(line)])


def _listening(options: Options) -> socket.socket:
    """Open the port before anything else: a second server on it shall fail at once."""
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((options.address, options.port))
        opened.listen(128)
    except OSError as error:
        opened.close()
        place = f"{options.address}, port {options.port}"
        raise GraphError(f"cannot listen on {place}: {error.strerror}; name another with --port.") from error
    return opened


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _url(address: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)
    return f"http://{host}:{port}"


async def serve(
    library: Library, folders: Folders, state: Path, options: Options, cache: Cache | None,
    forget: Callable[[], None], say: Callable[[str], None], browser: bool,
) -> None:  # fmt: skip
    """Run a server until the process is asked to stop; say where it is, and open the browser.

    Args:
        library: The nodes.
        folders: Where runs read and write.
        state: Where the queue, the history, settings and workflows are kept.
        options: How it is run.
        cache: Where results are kept.
        forget: Forgets the results that are kept in memory.
        say: Takes a line for the user.
        browser: Whether the browser is opened.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # not on every platform; Ctrl-C then ends the program itself
            loop.add_signal_handler(number, asked)
    async with serving(library, folders, state, options, cache, forget) as running:
        say(f"The editor is at {running.door}" if running.server.frontend else f"The server is at {running.door}")
        if running.server.frontend is None:
            say("The editor itself is not installed: pip install 'controlgraph[editor]'")
        if running.token:
            say("Whoever knows this address can run anything here; it changes with every start.")
        if browser and running.server.frontend is not None:
            loop.run_in_executor(None, webbrowser.open, running.door)
        await stop.wait()
        say(_farewell(running.server.queue))


def _farewell(queue: Queue) -> str:
    """What is said when the server was asked to stop."""
    if queue.running is not None:
        return "Stopping after the current step (Ctrl-C again stops at once); the queue goes on at the next start."
    return "Stopping; the queue goes on at the next start." if queue.remaining else "Stopping."
