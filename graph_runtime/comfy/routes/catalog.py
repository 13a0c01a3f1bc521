"""What the editor can offer: nodes, models, templates, extensions of packs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from aiohttp import web

from ...file_trees import files_in
from ...model_folders import OTHER_NAMES
from ..bodies import refused
from ..context import Route, in_thread, server_of
from ..places import inside
from ..schema import entry, object_info
from .files import INLINE, SANDBOX

MODEL_FILES = frozenset({".safetensors", ".sft"})
"""The only weight formats that nodes open."""

PREVIEWS = tuple(f"{end}{suffix}" for suffix in (".webp", ".png", ".jpg", ".jpeg") for end in ("", ".preview"))
"""How the name of a picture ends that lies beside a model."""


@in_thread
def get_object_info(request: web.Request) -> web.Response:
    """Describe all nodes."""
    server = server_of(request)
    return web.json_response(object_info(server.library, server.folders))


@in_thread
def get_object_info_of(request: web.Request) -> web.Response:
    """Describe one node; an empty object where there is none of that id."""
    server, id = server_of(request), request.match_info["id"]
    if id not in server.library:
        return web.json_response({})
    found = entry(server.library[id], server.library.pack(id).name, server.folders)
    return web.json_response({id: found})


@in_thread
def get_extensions(request: web.Request) -> web.Response:
    """List the scripts that extend the editor: its own, and those that come with the server and the packs."""
    server = server_of(request)
    own = {} if server.frontend is None else {"": server.frontend / "extensions"}
    folders = {**own, **{f"{name}/": folder for name, folder in server.web.items()}}
    return web.json_response(_scripts(folders))


def _scripts(folders: Mapping[str, Path]) -> list[str]:
    return [
        f"/extensions/{name}{script.relative_to(folder).as_posix()}"
        for name, folder in folders.items()
        for script in sorted(folder.rglob("*.js"))
    ]


@in_thread
def get_embeddings(request: web.Request) -> web.Response:
    """List the embeddings by name."""
    found = _models(request, "embeddings")
    return web.json_response([PurePosixPath(name).with_suffix("").as_posix() for name in found])


@in_thread
def get_model_folders(request: web.Request) -> web.Response:
    """List the kinds of models."""
    return web.json_response(_kinds(request))


@in_thread
def get_models(request: web.Request) -> web.Response:
    """List the models of a kind."""
    return web.json_response(list(_models(request, _kind(request))))


@in_thread
def get_folder_facts(request: web.Request) -> web.Response:
    """List the kinds of models, each with the names of its folders; where these lie is nobody's business."""
    folders = server_of(request).folders
    facts = [{"name": kind, "folders": [folder.name for folder in folders.of(kind)]} for kind in _kinds(request)]
    return web.json_response(facts)


@in_thread
def get_model_facts(request: web.Request) -> web.Response:
    """List the models of a kind with the place of their folder."""
    found = _models(request, _kind(request))
    return web.json_response([{"name": name, "pathIndex": place} for name, place in found.items()])


@in_thread
def get_model_picture(request: web.Request) -> web.StreamResponse:
    """Show the picture that lies beside a model: `a.png` or `a.preview.png` beside `a.safetensors`."""
    folders, place = server_of(request).folders.of(_kind(request)), request.match_info["place"]
    if not place.isdecimal() or len(place) > 4 or int(place) >= len(folders):
        raise refused("there is no such folder of models.", 404)
    model = inside(folders[int(place)], request.match_info["file"]).with_suffix("")
    named = (inside(model.parent, f"{model.name}{end}") for end in PREVIEWS)
    picture = next((path for path in named if path.is_file()), None)
    if picture is None:
        raise refused("the model has no picture.", 404)
    headers = {"Content-Type": INLINE[picture.suffix], "Content-Security-Policy": SANDBOX}
    return web.FileResponse(picture, headers=headers)


def _kinds(request: web.Request) -> list[str]:
    return server_of(request).folders.kinds


def _kind(request: web.Request) -> str:
    kind = request.match_info["folder"]
    known = _kinds(request)
    if kind not in known and OTHER_NAMES.get(kind) not in known:
        raise refused("there is no such folder of models.", 404)
    return kind


def _models(request: web.Request, kind: str) -> dict[str, int]:
    """The models of a kind, each with the number of its folder; of two with one name, the first is used."""
    found: dict[str, int] = {}
    for place, folder in enumerate(server_of(request).folders.of(kind)):
        for name in files_in(folder, lambda name: PurePosixPath(name).suffix in MODEL_FILES):
            found.setdefault(name, place)
    return dict(sorted(found.items()))


ROUTES = (
    Route("GET", "/object_info", get_object_info),
    Route("GET", "/object_info/{id}", get_object_info_of),
    Route("GET", "/extensions", get_extensions),
    Route("GET", "/embeddings", get_embeddings),
    Route("GET", "/models", get_model_folders),
    Route("GET", "/models/{folder}", get_models),
    Route("GET", "/experiment/models", get_folder_facts),
    Route("GET", "/experiment/models/{folder}", get_model_facts),
    Route("GET", "/experiment/models/preview/{folder}/{place}/{file:.+}", get_model_picture),
)
