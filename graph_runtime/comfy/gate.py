"""Who may talk to the server: decided for every request before anything else, the WebSocket's included.

A page from elsewhere can make a browser send requests to this machine. It cannot hide three things: the name it used
for the server (Host), the page that sends (Origin), and how the two relate (Sec-Fetch-Site). Where the server can be
reached from other machines, a token is asked for as well.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from aiohttp import hdrs, web

COOKIE = "controlgraph"

Takes: TypeAlias = Literal["nothing", "json", "data", "form"]
"""What a route takes as its body."""

TYPES: dict[Takes, frozenset[str]] = {
    "nothing": frozenset({"application/json"}),
    "json": frozenset({"application/json"}),
    "data": frozenset({"application/json", "text/plain", "application/octet-stream"}),
    "form": frozenset({"multipart/form-data"}),
}
_LOOSE = frozenset({"application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})


@dataclass(frozen=True, slots=True)
class Turned:
    """Why a request is turned away."""

    status: int
    reason: str


@dataclass(frozen=True)
class Gate:
    """Decides about requests.

    Attributes:
        hosts: The names under which the server may be addressed.
        any_address: Whether it may also be addressed by any number, since it listens on all of the machine's.
        token: What a client has to know, or "" where everybody who reaches the server may use it.
    """

    hosts: frozenset[str]
    any_address: bool = False
    token: str = ""

    @classmethod
    def at(cls, address: str, names: tuple[str, ...] = (), token: str = "") -> Gate:
        """Make the gate of a server that listens on an address; `names` are further names of it."""
        own = {"localhost", "127.0.0.1", "::1", address.casefold(), *(name.casefold() for name in names)}
        return cls(frozenset(own), address in ("0.0.0.0", "::", ""), token)

    def turns_away(self, request: web.BaseRequest, takes: Takes | None) -> Turned | None:
        """Tell why a request may not pass, or give None.

        Args:
            request: The request.
            takes: What its route takes as its body; None for a route of a pack, whose business that is.
        """
        host = request.headers.get(hdrs.HOST, "")
        if not self._knows(host):
            return Turned(403, f"this server is not called {host[:80]!r}; name it with --allow-host, if it is.")
        if not _same_origin(request.headers.get(hdrs.ORIGIN), host):
            return Turned(403, "the request comes from another page.")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return Turned(403, "the request comes from another site; open the address by itself.")
        if self.token and not self.knows_token(request):
            return Turned(401, "needs the token that was printed at the start: open /?token=TOKEN once.")
        return _wrong_type(request, takes) if takes is not None else None

    def knows_token(self, request: web.BaseRequest) -> bool:
        """Tell whether a request bears the token: as a cookie, as `Authorization: Bearer`, or in the page's address."""
        scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        bearer = scheme.casefold() == "bearer" and self._is_token(given)
        return bearer or self._is_token(request.cookies.get(COOKIE, "")) or self.brings_token(request)

    def brings_token(self, request: web.BaseRequest) -> bool:
        """Tell whether a browser opens the page with the token in its address."""
        return bool(self.token) and request.path == "/" and self._is_token(request.query.get("token", ""))

    def _is_token(self, given: str) -> bool:
        """Compare with the token, in a time that tells nothing of it."""
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token.encode())

    def _knows(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").casefold()
        except ValueError:
            return False
        return name in self.hosts or (self.any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same_origin(origin: str | None, host: str) -> bool:
    """Tell whether a request comes from a page of this server; `null` is some other page that hides its name."""
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.casefold() == host.casefold()


def _wrong_type(request: web.BaseRequest, takes: Takes) -> Turned | None:
    """A form of another page can send only certain types; a script that is no page may leave the type out."""
    if not request.body_exists:
        return None
    is_page = hdrs.ORIGIN in request.headers or "Sec-Fetch-Site" in request.headers
    allowed = TYPES[takes] | (_LOOSE if takes == "json" and not is_page else frozenset())
    if request.content_type in allowed:
        return None
    return Turned(415, f"found {request.content_type[:80]}, needs {' or '.join(sorted(TYPES[takes]))}.")
