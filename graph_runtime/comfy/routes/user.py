"""What the user keeps on the server: settings, workflows."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from aiohttp import web

from ... import atomic
from ..bodies import JSON_LIMIT, json_body, object_body, read_at_most, refused
from ..context import Route, flag, in_thread, server_of
from ..places import inside

DEFAULTS: Mapping[str, object] = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Notification.ShowVersionUpdates": False,
    "LiteGraph.Canvas.MinFontSizeForLOD": 4,
}
"""Settings that hold until the user changes them: the editor starts with a graph, asks nobody for news, and shows what
stands in the nodes where the whole graph fits the window, too."""

HARMLESS = {".css": "text/css", ".json": "application/json"}
"""What a page of the editor may use as what it is; everything else is handed out as mere bytes."""

STYLE = "user.css"
"""The file of the user's own style."""

_changing = threading.Lock()


async def get_users(request: web.Request) -> web.Response:
    """Say that there is one user, whose things are kept here."""
    return web.json_response({"storage": "server", "migrated": True})


@in_thread
def get_settings(request: web.Request) -> web.Response:
    """Give all settings."""
    return web.json_response(_settings(_file(request)))


@in_thread
def get_setting(request: web.Request) -> web.Response:
    """Give one setting, or null."""
    return web.json_response(_settings(_file(request)).get(request.match_info["id"]))


async def post_settings(request: web.Request) -> web.Response:
    """Change some settings."""
    await asyncio.to_thread(_change, _file(request), await object_body(request))
    return web.Response()


async def post_setting(request: web.Request) -> web.Response:
    """Change one setting."""
    value = await json_body(request)
    await asyncio.to_thread(_change, _file(request), {request.match_info["id"]: value})
    return web.Response()


def _file(request: web.Request) -> Path:
    return server_of(request).state / "settings.json"


def _settings(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = {}
    return {**DEFAULTS, **(found if isinstance(found, dict) else {})}


def _change(path: Path, values: Mapping[str, object]) -> None:
    with _changing:
        atomic.write(path, json.dumps({**_settings(path), **values}, indent=2).encode())


@in_thread
def list_userdata(request: web.Request) -> web.Response:
    """List the files of a folder."""
    name = request.query.get("dir", "")
    if not name:
        raise refused("dir: needs the name of a folder.")
    folder = inside(_root(request), name)
    if not folder.is_dir():
        raise refused("there is no such folder.", 404)
    paths = sorted(_files(folder, flag(request, "recurse")))
    if flag(request, "full_info"):
        return web.json_response([_info(path, folder) for path in paths])
    names = [path.relative_to(folder).as_posix() for path in paths]
    return web.json_response([[name, *name.split("/")] for name in names] if flag(request, "split") else names)


@in_thread
def list_entries(request: web.Request) -> web.Response:
    """List the files and folders of a folder."""
    root = _root(request)
    folder = inside(root, request.query.get("path", ""))
    if not folder.is_dir():
        raise refused("there is no such folder.", 404)
    kinds = {True: "directory", False: "file"}
    return web.json_response(
        [
            {"name": entry.name, "type": kinds[entry.is_dir()], **_info(entry, root)}
            for entry in sorted(folder.iterdir())
            if not entry.name.startswith(".") and entry.exists()  # a link may lead nowhere
        ]
    )


def _files(folder: Path, recurse: bool) -> Iterator[Path]:
    for path in folder.rglob("*") if recurse else folder.iterdir():
        if path.is_file() and not path.name.startswith("."):
            yield path


def _info(path: Path, root: Path) -> dict[str, object]:
    facts = path.stat()
    return {
        "path": path.relative_to(root).as_posix(),
        "size": facts.st_size,
        "modified": int(facts.st_mtime * 1000),
        "created": int(facts.st_ctime * 1000),
    }


@in_thread
def get_userdata(request: web.Request) -> web.StreamResponse:
    """Give a file."""
    if request.match_info["file"] == STYLE:
        return _style(request)
    path = _existing(request, "file")
    media = HARMLESS.get(path.suffix.casefold(), "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": media, "Content-Disposition": "attachment"})


@in_thread
def get_style(request: web.Request) -> web.StreamResponse:
    """Give the user's own style of the page."""
    return _style(request)


def _style(request: web.Request) -> web.StreamResponse:
    """The user's style; an empty one where there is none, since the page asks for it each time."""
    path = _root(request) / STYLE
    headers = {"Content-Type": HARMLESS[path.suffix], "Cache-Control": "no-cache"}
    return web.FileResponse(path, headers=headers) if path.is_file() else web.Response(headers=headers)


async def post_userdata(request: web.Request) -> web.Response:
    """Save a file whole."""
    return await asyncio.to_thread(_saved, request, await read_at_most(request, JSON_LIMIT))


def _saved(request: web.Request, data: bytes) -> web.Response:
    path = _named(request, "file")
    with _changing:
        _must_be_free(path, request.query.get("overwrite") != "false")
        try:
            atomic.write(path, data)
        except OSError as error:
            raise refused(f"the file cannot be saved: {error.strerror}.") from None
    return _told(request, path)


def _must_be_free(path: Path, overwrite: bool) -> None:
    if path.is_dir() or (path.exists() and not overwrite):
        raise refused("there is something of that name already.", 409)


@in_thread
def delete_userdata(request: web.Request) -> web.Response:
    """Delete a file."""
    _existing(request, "file").unlink(missing_ok=True)
    return web.Response(status=204)


@in_thread
def move_userdata(request: web.Request) -> web.Response:
    """Give a file another name."""
    source, target = _existing(request, "file"), _named(request, "target")
    with _changing:
        _must_be_free(target, request.query.get("overwrite") == "true")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        except OSError as error:
            raise refused(f"the file cannot be moved: {error.strerror}.") from None
    return _told(request, target)


def _told(request: web.Request, path: Path) -> web.Response:
    info = _info(path, _root(request))
    return web.json_response(info if flag(request, "full_info") else info["path"])


def _root(request: web.Request) -> Path:
    return server_of(request).state / "user"


def _named(request: web.Request, part: str) -> Path:
    root = _root(request)
    path = inside(root, request.match_info[part])
    if path == root or path.name.startswith("."):
        raise refused("needs the name of a file.")
    return path


def _existing(request: web.Request, part: str) -> Path:
    path = _named(request, part)
    if not path.is_file():
        raise refused("there is no such file.", 404)
    return path


ROUTES = (
    Route("GET", "/users", get_users),
    Route("GET", "/settings", get_settings),
    Route("GET", "/settings/{id}", get_setting),
    Route("POST", "/settings", post_settings, "data"),
    Route("POST", "/settings/{id}", post_setting, "data"),
    Route("GET", "/user.css", get_style),
    Route("GET", "/userdata", list_userdata),
    Route("GET", "/v2/userdata", list_entries),
    Route("GET", "/userdata/{file}", get_userdata),
    Route("POST", "/userdata/{file}", post_userdata, "data"),
    Route("DELETE", "/userdata/{file}", delete_userdata),
    Route("POST", "/userdata/{file}/move/{target}", move_userdata),
)
