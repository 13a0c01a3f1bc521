"""Every route, the WebSocket and the page among them, turns away what comes from elsewhere.

The cases are made from the router, so a route that is added is tested as well.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from graph_runtime.comfy.context import SERVER, Server
from graph_runtime.comfy.extensions import Extension
from graph_runtime.comfy.gate import TYPES, Gate
from graph_runtime.comfy.server import ROUTES, TAKES, application, every
from graph_runtime.comfy.serving import Options
from tests.comfy.server.live import Client, live, talk

FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8188"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
    {"Host": "[::1"},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://[::1"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
]


def routes_of(client: Client) -> list[tuple[str, str]]:
    """Method and a path for every route that the router knows."""
    router = application(client.running.server).router
    found = []
    for route in router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        for name in ("id", "file", "target", "kind", "folder", "pack", "path", "node", "locale", "place"):
            path = path.replace(f"{{{name}}}", "x")
        found.append((route.method, path))
    return found


async def status(client: Client, method: str, path: str, headers: dict[str, str], **more: object) -> int:
    async with aiohttp.ClientSession() as session:
        url = client.running.url + path
        async with session.request(method, url, headers=headers, allow_redirects=False, **more) as response:  # type: ignore[arg-type]
            await response.read()
            return response.status


def test_there_is_something_to_test(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        routes = routes_of(client)
        assert len([method for method, _ in routes if method != "HEAD"]) == len(every(ROUTES)) + 2
        assert ("HEAD", "/api/view") in routes
        assert ("POST", "/api/prompt") in routes
        assert ("GET", "/ws") in routes

    talk(tmp_path, conversation)


def test_every_route_turns_foreign_requests_away(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        for method, path in routes_of(client):
            for headers in FOREIGN:
                assert await status(client, method, path, headers) in (400, 403), (method, path, headers)

    talk(tmp_path, conversation)


def test_every_route_asks_for_the_token(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        assert client.running.token
        for method, path in routes_of(client):
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Cookie": "controlgraph=wrong"},
                {"Authorization": "Bearer"},
            ):
                assert await status(client, method, f"{path}?token=wrong", headers) == 401, (method, path, headers)
        assert await client.get("/users") == {"storage": "server", "migrated": True}

    talk(tmp_path, conversation, options=Options("0.0.0.0", 0))


def test_token_in_the_address_becomes_a_cookie(tmp_path: Path) -> None:
    async def go() -> None:
        async with (
            live(tmp_path, Options("0.0.0.0", 0)) as client,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            async with browser.get(client.running.door, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (303, "/")
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
            async with browser.get(f"{client.running.url}/users") as response:
                assert response.status == 200
            async with browser.ws_connect(f"{client.running.url}/ws") as ws:
                assert (await ws.receive_json())["type"] == "status"
            foreign = {"Origin": "http://evil.example"}
            assert await status(client, "GET", f"/?token={client.running.token}", foreign) == 403

    asyncio.run(go())


@pytest.mark.parametrize("options", [Options(port=0), Options("0.0.0.0", 0, auth=False), Options("::1", 0)])
def test_no_token_on_this_machine_or_when_told_so(tmp_path: Path, options: Options) -> None:
    async def conversation(client: Client) -> None:
        assert client.running.token == ""
        assert (await client.get("/users"))["storage"] == "server"

    talk(tmp_path, conversation, options=options)


@pytest.mark.parametrize("host", ["localhost:8188", "127.0.0.1", "[::1]:8188", "LOCALHOST", "studio.lan:80"])
def test_own_names_pass(host: str) -> None:
    gate = Gate.at("127.0.0.1", ("studio.lan",))
    same = make_mocked_request("GET", "/", {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
    assert gate.turns_away(same, "nothing") is None


@pytest.mark.parametrize(("host", "passes"), [("192.168.1.5:8188", True), ("[fe80::1]", True), ("router.lan", False)])
def test_server_on_all_addresses_goes_by_any_number(host: str, passes: bool) -> None:
    turned = Gate.at("0.0.0.0").turns_away(make_mocked_request("GET", "/", {"Host": host}), "nothing")
    assert (turned is None) == passes


def test_every_route_checks_the_type_of_what_it_takes(tmp_path: Path) -> None:
    """A page elsewhere can send forms and plain text without being asked."""
    simple = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html"]

    async def conversation(client: Client) -> None:
        origin = {"Origin": client.running.url}
        for route in every(ROUTES):
            if route.method in ("GET", "DELETE"):
                continue
            for type in simple:
                if type.partition(";")[0] in TYPES[route.takes]:
                    continue
                path = route.path.replace("{id}", "x").replace("{file}", "x").replace("{target}", "x")
                found = await status(client, route.method, path, {**origin, "Content-Type": type}, data=b"{}")
                assert found == 415, (route, type, found)

    talk(tmp_path, conversation)


def test_script_need_not_name_the_type(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert await status(client, "POST", "/interrupt", headers, data=b"{}") == 200

    talk(tmp_path, conversation)


def test_every_route_says_what_it_takes(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        app = application(client.running.server)
        assert app[SERVER] is client.running.server
        assert all(route.handler in TAKES for route in app.router.routes())

    talk(tmp_path, conversation)


def test_what_a_pack_adds_is_behind_the_gate(tmp_path: Path) -> None:
    table = web.RouteTableDef()

    @table.post("/packs/own")
    async def own(request: web.Request) -> web.Response:
        return web.json_response(await request.json())

    @table.get("/prompt")
    async def taken(request: web.Request) -> web.Response:
        return web.json_response("a pack takes no route away")

    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "own.js").write_text("// own")
    started: list[Server] = []
    pack = Extension("own", tmp_path / "scripts", table, started.append)

    async def conversation(client: Client) -> None:
        assert started == [client.running.server]
        for path in ("/packs/own", "/api/packs/own"):
            assert await client.post(path, {"a": 1}) == {"a": 1}
            for headers in FOREIGN:
                assert await status(client, "POST", path, headers, json={}) in (400, 403)
        assert (await client.get("/prompt"))["exec_info"]["queue_remaining"] == 0
        assert "/extensions/own/own.js" in await client.get("/extensions")
        async with client.session.get(f"{client.running.url}/extensions/own/own.js") as response:
            assert await response.text() == "// own"

    talk(tmp_path, conversation, options=Options(port=0, extensions=(pack,)))


def test_answers_bear_the_headers(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        for path in ("/users", "/nothing", "/view?filename=x", "/"):
            async with client.session.get(client.running.url + path) as response:
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["X-Frame-Options"] == "DENY"
                assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"

    talk(tmp_path, conversation)
