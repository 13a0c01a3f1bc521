"""`controlgraph serve`: the editor in the browser, and a server for its clients."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from ..cache import MemoryCache, TieredCache
from ..comfy.packs.foreign import foreign_packs
from ..comfy.templates import samples_of, shipped
from ..library import Library
from ..metadata import Metadata
from . import opening, terminal
from .options import MEMORY, METADATA, MODEL_MEMORY, NO_CACHE, OUT, Places, places, refuse_unwritable


@click.command()
@click.option("--listen", "address", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port",
    default=8188,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The port; 0 takes a free one.",
)
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A further name of this server. Repeatable.")
@click.option("--no-auth", is_flag=True, help="Ask nobody for a token, though other machines can reach the server.")
@OUT
@places
@MEMORY
@MODEL_MEMORY
@NO_CACHE
@METADATA
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
def command(
    address: str,
    port: int,
    names: tuple[str, ...],
    no_auth: bool,
    out: Path,
    places: Places,
    memory: int,
    model_memory: int | None,
    no_cache: bool,
    metadata: Metadata,
    no_browser: bool,
) -> None:
    """Start the editor in the browser.

    The server speaks ComfyUI's protocol, for its editor and its clients. What is in the queue survives a crash. Other
    machines reach the server only with --listen, and then need the token that is printed.
    """
    try:
        from ..comfy.packs.extending import extensions
        from ..comfy.serving import Options, serve
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'controlgraph[editor]'") from None
    refuse_unwritable(out=out, state=places.state)
    if not places.input.is_dir() and places.input != Path("input"):
        _warn(f"--input {terminal.clean(str(places.input))}: there is no such folder; it is made at the first upload.")
    nodes = opening.library(places.nodes, places.folders())
    kept = MemoryCache(memory)
    cache = None if no_cache else TieredCache(kept, opening.disk(places, nodes, _warn))
    templates = _templates(nodes)
    options = Options(address, port, names, not no_auth, templates, extensions(nodes), metadata)
    state = places.state / "server"
    samples = tuple(samples_of(folder) for _, folder in templates)
    folders = replace(places.folders(out, memory=model_memory), samples=samples)
    asyncio.run(serve(nodes, folders, state, options, cache, kept.clear, terminal.say, not no_browser))


def _warn(text: str) -> None:
    terminal.complain(f"warning: {text}")


def _templates(nodes: Library) -> tuple[tuple[str, Path], ...]:
    """The workflows that come with the program, and those of packs."""
    folder = shipped()
    own = (("ControlGraph", folder),) if folder is not None else ()
    return (*own, *((pack.name, pack.templates) for pack in foreign_packs(nodes) if pack.templates))
