"""What comes with packs beside their nodes: templates, help pages, translations, sub-graphs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from ..bodies import refused
from ..context import Route, Server, in_thread, server_of
from ..helping import help_page
from ..packs.foreign import foreign_packs
from ..places import inside
from ..templates import templates_in
from .files import INLINE, SANDBOX

_log = logging.getLogger(__name__)
_PARTS = {"main.json": "", "nodeDefs.json": "nodeDefs", "commands.json": "commands", "settings.json": "settings"}
"""The files of a language, and the part of its words that each holds."""


@in_thread
def get_templates(request: web.Request) -> web.Response:
    """List the workflows that the editor offers as templates."""
    folders = server_of(request).templates.items()
    return web.json_response({name: [one.name for one in templates_in(folder)] for name, folder in folders})


@in_thread
def get_template(request: web.Request) -> web.StreamResponse:
    """Give a template in the editor's format, or its picture."""
    server, name = server_of(request), request.match_info["file"]
    folder = server.templates.get(request.match_info["pack"])
    stem, _, suffix = name.rpartition(".")
    known = {one.name: one for one in templates_in(folder)} if folder is not None else {}
    if stem not in known:
        raise refused("there is no such template.", 404)
    template = known[stem]
    if suffix == "json":
        return web.json_response(template.document(server.library))
    if template.picture is not None:
        media = INLINE[template.picture.suffix.casefold()]
        return web.FileResponse(template.picture, headers={"Content-Type": media, "Content-Security-Policy": SANDBOX})
    drawing = template.drawing(server.library)
    return web.Response(body=drawing, content_type="image/svg+xml", headers={"Content-Security-Policy": SANDBOX})


@in_thread
def get_help(request: web.Request) -> web.StreamResponse:
    """Give the help page of a node: the pack's own where it has one, else one made of the declaration."""
    server, pack, id = server_of(request), request.match_info["pack"], request.match_info["node"]
    locale = request.match_info.get("locale")
    if pack in server.web:
        path = inside(server.web[pack], "docs", f"{id}/{locale}.md" if locale else f"{id}.md")
        if path.is_file():
            return web.FileResponse(path, headers={"Content-Type": "text/markdown; charset=utf-8"})
    if id not in server.library or server.library.pack(id).name != pack or locale not in (None, "en"):
        raise refused("there is no such page.", 404)
    page = help_page(server.library[id], pack, server.folders)
    return web.Response(text=page, content_type="text/markdown")


@in_thread
def get_translations(request: web.Request) -> web.Response:
    """Give the translations that packs bring along, by language."""
    folders = [pack.locales for pack in foreign_packs(server_of(request).library) if pack.locales is not None]
    return web.json_response(_translations(folders))


def _translations(folders: list[Path]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder in folders:
        for language in sorted(path for path in folder.iterdir() if path.is_dir()):
            for file, part in _PARTS.items():
                words = _json(language / file)
                if isinstance(words, dict):
                    there = found.setdefault(language.name, {})
                    _merge(there.setdefault(part, {}) if part else there, words)
    return found


def _merge(into: dict[str, Any], words: Mapping[str, Any]) -> None:
    """Add words to those of other packs."""
    for name, value in words.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if path.exists():
            _log.warning("%s cannot be read: %s", path, error)
        return None


def _subgraphs(server: Server) -> Iterator[tuple[str, str, Path]]:
    """The sub-graphs that packs offer: an id, the pack, the file."""
    for pack in foreign_packs(server.library):
        for file in sorted(pack.subgraphs.glob("*.json")) if pack.subgraphs is not None else ():
            yield hashlib.sha256(f"{pack.name}/{file.name}".encode()).hexdigest(), pack.name, file


@in_thread
def get_subgraphs(request: web.Request) -> web.Response:
    """List the sub-graphs that packs offer."""
    return web.json_response({
        id: {"source": "custom_node", "name": file.stem, "info": {"node_pack": f"custom_nodes.{pack}"}}
        for id, pack, file in _subgraphs(server_of(request))
    })  # fmt: skip


@in_thread
def get_subgraph(request: web.Request) -> web.Response:
    """Give a sub-graph that a pack offers."""
    for id, pack, file in _subgraphs(server_of(request)):
        if id == request.match_info["id"]:
            data = file.read_text("utf-8")
            info = {"node_pack": f"custom_nodes.{pack}"}
            return web.json_response({"source": "custom_node", "name": file.stem, "info": info, "data": data})
    raise refused("there is no such sub-graph.", 404)


ROUTES = (
    Route("GET", "/workflow_templates", get_templates),
    Route("GET", "/workflow_templates/{pack}/{file}", get_template),
    Route("GET", "/extensions/{pack}/docs/{node}.md", get_help),
    Route("GET", "/extensions/{pack}/docs/{node}/{locale}.md", get_help),
    Route("GET", "/i18n", get_translations),
    Route("GET", "/global_subgraphs", get_subgraphs),
    Route("GET", "/global_subgraphs/{id}", get_subgraph),
)
