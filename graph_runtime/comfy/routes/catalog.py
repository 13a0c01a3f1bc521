"""What the editor can offer: nodes, models, templates, extensions of packs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from ..bodies import refused
from ..context import Route, server_of
from ..places import inside
from ..schema import entry, object_info
from ..templates import Template, templates_in
from .files import SANDBOX

MODEL_FILES = frozenset({".safetensors", ".sft"})
"""The only weight formats that nodes open."""


async def get_object_info(request: web.Request) -> web.Response:
    """Describe all nodes."""
    server = server_of(request)
    return web.json_response(await asyncio.to_thread(object_info, server.library, server.folders))


async def get_object_info_of(request: web.Request) -> web.Response:
    """Describe one node; an empty object where there is none of that id."""
    server, id = server_of(request), request.match_info["id"]
    if id not in server.library:
        return web.json_response({})
    found = await asyncio.to_thread(entry, server.library[id], server.library.pack(id).name, server.folders)
    return web.json_response({id: found})


async def get_extensions(request: web.Request) -> web.Response:
    """List the scripts that extend the editor: its own, and those that come with the server and the packs."""
    server = server_of(request)
    own = {} if server.frontend is None else {"": server.frontend / "extensions"}
    folders = {**own, **{f"{name}/": folder for name, folder in server.web.items()}}
    return web.json_response(await asyncio.to_thread(_scripts, folders))


def _scripts(folders: Mapping[str, Path]) -> list[str]:
    return [
        f"/extensions/{name}{script.relative_to(folder).as_posix()}"
        for name, folder in folders.items()
        for script in sorted(folder.rglob("*.js"))
    ]


async def get_translations(request: web.Request) -> web.Response:
    """Give the translations that packs bring along: none."""
    return web.json_response({})


async def get_subgraphs(request: web.Request) -> web.Response:
    """List the sub-graphs that packs offer: none."""
    return web.json_response({})


async def get_subgraph(request: web.Request) -> web.Response:
    """Give a sub-graph that a pack offers."""
    raise refused("there is no such sub-graph.", 404)


async def get_templates(request: web.Request) -> web.Response:
    """List the workflows that the editor offers as templates."""
    folders = server_of(request).templates
    found = await asyncio.to_thread(lambda: {name: templates_in(folder) for name, folder in folders.items()})
    return web.json_response({name: [one.name for one in templates] for name, templates in found.items()})


async def get_template(request: web.Request) -> web.StreamResponse:
    """Give a template in the editor's format, or its picture."""
    server, name = server_of(request), request.match_info["file"]
    folder = server.templates.get(request.match_info["pack"])
    stem, _, suffix = name.rpartition(".")
    known = {one.name: one for one in templates_in(folder)} if folder is not None else {}
    if stem not in known:
        raise refused("there is no such template.", 404)
    template: Template = known[stem]
    if suffix == "json":
        document = await asyncio.to_thread(template.document, server.library)
        return web.json_response(document)
    if template.picture is not None:
        return web.FileResponse(template.picture)
    drawing = await asyncio.to_thread(template.drawing, server.library)
    return web.Response(body=drawing, content_type="image/svg+xml", headers={"Content-Security-Policy": SANDBOX})


async def get_embeddings(request: web.Request) -> web.Response:
    """List the embeddings by name."""
    return web.json_response([Path(name).with_suffix("").as_posix() for name in await _models(request, "embeddings")])


async def get_model_folders(request: web.Request) -> web.Response:
    """List the kinds of models."""
    return web.json_response(_kinds(request))


async def get_models(request: web.Request) -> web.Response:
    """List the models of a kind."""
    return web.json_response(await _models(request, _kind(request)))


async def get_folder_facts(request: web.Request) -> web.Response:
    """List the kinds of models, each with the folders it is looked for in."""
    return web.json_response([{"name": kind, "folders": [kind]} for kind in _kinds(request)])


async def get_model_facts(request: web.Request) -> web.Response:
    """List the models of a kind with the place of their folder."""
    return web.json_response([{"name": name, "pathIndex": 0} for name in await _models(request, _kind(request))])


def _kinds(request: web.Request) -> list[str]:
    roots = server_of(request).folders.models
    return sorted({entry.name for root in roots if root.is_dir() for entry in root.iterdir() if entry.is_dir()})


def _kind(request: web.Request) -> str:
    kind = request.match_info["folder"]
    if kind not in _kinds(request):
        raise refused("there is no such folder of models.", 404)
    return kind


async def _models(request: web.Request, kind: str) -> list[str]:
    roots = server_of(request).folders.models
    return await asyncio.to_thread(lambda: [name for root in roots for name in _names(inside(root, kind))])


def _names(folder: Path) -> list[str]:
    files = folder.rglob("*") if folder.is_dir() else ()
    return sorted(
        path.relative_to(folder).as_posix() for path in files if path.suffix in MODEL_FILES and path.is_file()
    )


ROUTES = (
    Route("GET", "/object_info", get_object_info),
    Route("GET", "/object_info/{id}", get_object_info_of),
    Route("GET", "/extensions", get_extensions),
    Route("GET", "/i18n", get_translations),
    Route("GET", "/global_subgraphs", get_subgraphs),
    Route("GET", "/global_subgraphs/{id}", get_subgraph),
    Route("GET", "/workflow_templates", get_templates),
    Route("GET", "/workflow_templates/{pack}/{file}", get_template),
    Route("GET", "/embeddings", get_embeddings),
    Route("GET", "/models", get_model_folders),
    Route("GET", "/models/{folder}", get_models),
    Route("GET", "/experiment/models", get_folder_facts),
    Route("GET", "/experiment/models/{folder}", get_model_facts),
)
