"""The editor's page and its files, as the frontend package brings them; and the token's way into the browser."""

from __future__ import annotations

from pathlib import Path

from aiohttp import hdrs, web

from ..bodies import refused
from ..context import Route, Server, in_thread, server_of
from ..gate import COOKIE
from ..places import inside

POLICY = "; ".join((
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "font-src 'self' data:",
    "worker-src 'self' blob:",
    "connect-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip
"""The page may use what this server gives, and talk to nobody else."""

_MISSING = "The editor is not installed: pip install 'controlgraph[editor]'\n"


async def get_page(request: web.Request) -> web.StreamResponse:
    """Give the page."""
    root = server_of(request).frontend
    if root is None:
        return web.Response(text=_MISSING, status=503)
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    return web.FileResponse(root / "index.html", headers=headers)


@in_thread
def get_file(request: web.Request) -> web.StreamResponse:
    """Give a file of the page, of what extends it, or of a package that goes with it."""
    path = _path(server_of(request), request.match_info["path"])
    if not path.is_file():
        raise refused("there is nothing of that name.", 404)
    return web.FileResponse(path)


def _path(server: Server, name: str) -> Path:
    section, _, rest = name.partition("/")
    if section in server.companions:
        return inside(server.companions[section], rest)
    pack, _, script = rest.partition("/")
    if section == "extensions" and pack in server.web:
        return inside(server.web[pack], script)
    if server.frontend is None:
        raise refused(_MISSING.strip(), 404)
    return inside(server.frontend, name)


def admitted(request: web.BaseRequest, token: str) -> web.Response:
    """Send a browser that brought the token on its way, with a cookie that only this server gets."""
    response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=request.secure, path="/")
    return response


PAGE = Route("GET", "/", get_page)
FILES = Route("GET", "/{path:.+}", get_file)
