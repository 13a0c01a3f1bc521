"""Puts the routes together, behind the gate."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable

from aiohttp import hdrs, web

from ..errors import WorkflowError
from .admission import Refused
from .bodies import refused
from .complaints import Body, answer, complaint
from .context import SERVER, Handler, Route, Routes, Server
from .extensions import Extension, add_routes
from .gate import Takes
from .jobs import Unwritable
from .routes import catalog, files, jobs, library, machine, page, prompts, socket, user

_log = logging.getLogger(__name__)

ROUTES: Routes = (
    *prompts.ROUTES,
    *jobs.ROUTES,
    *socket.ROUTES,
    *files.ROUTES,
    *user.ROUTES,
    *machine.ROUTES,
    *catalog.ROUTES,
    *library.ROUTES,
)
"""Each stands as it is and under /api; those under /internal only as they are."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""On every answer; a route may say more."""

FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""What systems say where a disk, a file or a user's share of a disk is full."""

READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
"""The methods of requests that write nothing."""


def application(server: Server, extensions: Iterable[Extension] = ()) -> web.Application:
    """Make the application of a server, with what packs add to it."""
    app = web.Application(middlewares=[guarded])
    app[SERVER] = server
    app.on_response_prepare.append(_with_headers)
    _add(app, (page.PAGE, *every(ROUTES)))
    add_routes(app, extensions)
    _add(app, (page.FILES,))
    return app


def _add(app: web.Application, routes: Routes) -> None:
    """Add routes; what can be read can also be asked for by its headers alone."""
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == hdrs.METH_GET and route.handler is not socket.get_ws:
            app.router.add_route(hdrs.METH_HEAD, route.path, route.handler)


def every(routes: Routes) -> list[Route]:
    """The routes with their twins under /api."""
    twins = [
        Route(route.method, f"/api{route.path}", route.handler, route.takes)
        for route in routes
        if not route.path.startswith("/internal")
    ]
    return [*routes, *twins]


TAKES: dict[Handler, Takes] = {route.handler: route.takes for route in (page.PAGE, *ROUTES, page.FILES)}


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass the gate or turn it away; whatever goes wrong behind it becomes an answer."""
    gate = request.app[SERVER].gate
    try:
        turned = gate.turns_away(request, TAKES.get(request.match_info.handler))
        if turned is not None:
            raise refused(turned.reason, turned.status, "forbidden", "The request is turned away")
        if gate.brings_token(request):
            return page.admitted(request, gate.token)
        return await handler(request)
    except Refused as refusal:
        return _answer(refusal.body, refusal.status)
    except WorkflowError as error:
        return _answer(answer(complaint("invalid_prompt", str(error))), 400)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(answer(complaint("http_error", error.reason)), error.status, error.headers.get(hdrs.ALLOW, ""))
    except ConnectionError:
        raise
    except (Unwritable, OSError) as error:
        _log.warning("%s %s: %s", request.method, request.path, error)
        reason = str(error) if isinstance(error, Unwritable) else error.strerror or str(error)
        if _lacks_space(request, error):
            return _answer(answer(complaint("server_error", f"nothing was changed: {reason}")), 507)
        return _answer(answer(complaint("server_error", f"a file cannot be read or written: {reason}")), 500)
    except Exception:
        _log.exception("%s %s", request.method, request.path)
        return _answer(answer(complaint("server_error", "the server met a fault of its own; its log says more.")), 500)


def _lacks_space(request: web.Request, error: Unwritable | OSError) -> bool:
    """Tell whether a request could not be carried out because what it writes has no room."""
    if isinstance(error, Unwritable):
        return True
    return request.method not in READS and error.errno in FULL


def _answer(body: Body, status: int, allow: str = "") -> web.Response:
    headers = {hdrs.ALLOW: allow} if allow else None
    return web.json_response(body, status=status, headers=headers)


async def _with_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
