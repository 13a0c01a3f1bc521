"""What the editor can offer: nodes, models, templates, extensions of packs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from aiohttp import web

from ...file_trees import files_in
from ...model_folders import OTHER_NAMES
from ..bodies import refused
from ..context import Route, server_of
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
    found = await _models(request, "embeddings")
    return web.json_response([PurePosixPath(name).with_suffix("").as_posix() for name in found])


async def get_model_folders(request: web.Request) -> web.Response:
    """List the kinds of models."""
    return web.json_response(_kinds(request))


async def get_models(request: web.Request) -> web.Response:
    """List the models of a kind."""
    return web.json_response(list(await _models(request, _kind(request))))


async def get_folder_facts(request: web.Request) -> web.Response:
    """List the kinds of models, each with the folders it is looked for in."""
    folders = server_of(request).folders
    facts = [{"name": kind, "folders": [str(folder) for folder in folders.of(kind)]} for kind in _kinds(request)]
    return web.json_response(facts)


async def get_model_facts(request: web.Request) -> web.Response:
    """List the models of a kind with the place of their folder."""
    found = await _models(request, _kind(request))
    return web.json_response([{"name": name, "pathIndex": place} for name, place in found.items()])


def _kinds(request: web.Request) -> list[str]:
    return server_of(request).folders.kinds


def _kind(request: web.Request) -> str:
    kind = request.match_info["folder"]
    known = _kinds(request)
    if kind not in known and OTHER_NAMES.get(kind) not in known:
        raise refused("there is no such folder of models.", 404)
    return kind


async def _models(request: web.Request, kind: str) -> dict[str, int]:
    """The models of a kind, each with the number of its folder; of two with one name, the first is used."""
    folders = server_of(request).folders
    return await asyncio.to_thread(lambda: _names(folders.of(kind)))


def _names(folders: Iterable[Path]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, folder in enumerate(folders):
        for name in files_in(folder, lambda name: PurePosixPath(name).suffix in MODEL_FILES):
            found.setdefault(name, place)
    return dict(sorted(found.items()))


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
