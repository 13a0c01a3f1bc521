"""`controlgraph nodes`: shows the nodes that workflows can name."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from ..declaration import MISSING, Input, Node, Output
from ..described import names_of, takes
from ..errors import GraphError, nearest
from ..injected import Folders
from ..library import Library
from ..sockets import Socket, describe
from . import opening
from .options import NODES
from .telling import counted
from .terminal import clean, say

_WIDTH = min(100, shutil.get_terminal_size((100, 24)).columns)


@click.command()
@click.argument("name", required=False)
@NODES
@click.option("--json", "as_json", is_flag=True, help="Write the declarations as JSON.")
def command(name: str | None, nodes: tuple[Path, ...], as_json: bool) -> None:
    """Show the nodes that workflows can name.

    Without NAME list them by category; with the NAME of a node, or of a category, show what it takes and gives.
    """
    library = opening.library(nodes)
    found = list(library.values()) if name is None else _find(library, name)
    if as_json:
        say(
            json.dumps([plain(node) for node in found] if name is None or len(found) > 1 else plain(found[0]), indent=2)
        )
    elif name is not None and len(found) == 1:
        say("\n".join(page(found[0])))
    else:
        say("\n".join(overview(found)))


def _find(library: Library, name: str) -> list[Node]:
    """Find a node by its id, by its title in any case, or the nodes of a category.

    Raises:
        GraphError: There is no such node.
    """
    if name in library:
        return [library[name]]
    folded = name.casefold().strip("/")
    for found in (
        [node for node in library.values() if folded in (node.title.casefold(), node.id.casefold())],
        [node for node in library.values() if f"{node.category.casefold()}/".startswith(f"{folded}/")],
    ):
        if found:
            return found
    close = nearest(
        name, [*library, *(node.title for node in library.values()), *(node.category for node in library.values())]
    )
    hint = f" Did you mean {close}?" if close else ""
    raise GraphError(f'there is no node or category "{clean(name, 80)}".{hint}')


def overview(nodes: list[Node]) -> Iterator[str]:
    """List nodes by category, with a line on each."""
    width = max((len(node.id) for node in nodes), default=0)
    by_category: dict[str, list[Node]] = {}
    for node in nodes:
        by_category.setdefault(node.category or "other", []).append(node)
    for category in sorted(by_category):
        yield clean(category)
        for node in by_category[category]:
            said = textwrap.shorten(node.docs.summary or node.title, max(20, _WIDTH - width - 4), placeholder=" …")
            yield f"  {node.id:<{width}}  {said}".rstrip()
        yield ""
    yield counted(len(nodes), "node")


def page(node: Node) -> Iterator[str]:
    """Show one node: what it is for, its inputs and its outputs."""
    yield f"{node.id}: {node.title}" if node.title != node.id else node.id
    about = [node.category or "other", f"version {node.version}", f"runs on {node.resource}"]
    about += ["saves or shows"] * node.sink + ["is never kept"] * (not node.cached)
    yield "  " + ", ".join(about)
    for text in (node.docs.summary, *node.docs.details.split("\n\n")):
        if text.strip():
            yield ""
            yield from textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield from _section(
        "Inputs",
        [(one.name, _takes(one), one.docs) for one in node.inputs.values()],
    )
    yield from _section("Outputs", [(one.name, str(one.socket), one.docs) for one in node.outputs])


def _section(heading: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    width = max(len(name) for name, _, _ in rows)
    yield ""
    yield heading
    for name, kind, said in rows:
        indent = " " * (width + 4)
        yield from textwrap.wrap(kind, _WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=indent)
        yield from textwrap.wrap(said, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _takes(input: Input) -> str:
    return takes(input, Folders(), lambda text: clean(text, 60))


def plain(node: Node) -> dict[str, object]:
    """A node as plain JSON data."""
    return {
        "id": node.id,
        "title": node.title,
        "category": node.category,
        "version": node.version,
        "resource": node.resource,
        "sink": node.sink,
        "cached": node.cached,
        "summary": node.docs.summary,
        "details": node.docs.details,
        "inputs": [_plain_input(input) for input in node.inputs.values()],
        "outputs": [_plain_output(output) for output in node.outputs],
    }


def _plain_input(input: Input) -> dict[str, object]:
    socket = input.socket
    found = {"name": input.name, **_plain_socket(socket), "required": input.required, "docs": input.docs}
    if input.default is not MISSING:
        found["default"] = (
            input.default if isinstance(input.default, str | int | float | bool | None) else str(input.default)
        )
    if socket.bounds is not None:
        found |= {"low": socket.bounds.low, "high": socket.bounds.high, "step": socket.bounds.step}
    if socket.literals or socket.choices is not None:
        found |= {
            "choices": list(socket.literals) or names_of(socket, Folders()),
            "open": socket.choices is not None and socket.choices.open,
        }
    return found


def _plain_output(output: Output) -> Mapping[str, object]:
    return {"name": output.name, **_plain_socket(output.socket), "docs": output.docs}


def _plain_socket(socket: Socket) -> dict[str, object]:
    multiline = socket.text is not None and socket.text.multiline
    return {
        "type": "choice" if socket.literals else describe(socket.type),
        "list": socket.is_list,
        "optional": socket.optional,
        "lazy": socket.lazy,
        "multiline": multiline,
    }
