"""A real browser, driven by the WebDriver protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE = 90
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1600,1000")


@dataclass
class Browser:
    """One window."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.session.request(method, f"{self.url}{path}", json=body) as response:
            value = (await response.json())["value"]
            assert response.status == 200, value
            return value

    async def open(self, url: str) -> None:
        await self.ask("POST", "/url", {"url": url})

    async def run(self, script: str, *arguments: object) -> Any:
        """Run the body of an asynchronous function in the page; give what it returns."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async function () {{ {script} }}).apply(null, Array.from(arguments).slice(0, -1))"
            ".then((value) => done({value}), (error) => done({error: String(error && error.stack || error)}));"
        )
        found = await self.ask("POST", "/execute/async", {"script": wrapped, "args": list(arguments)})
        assert "error" not in found, found["error"]
        return found.get("value")

    async def until(self, script: str, *arguments: object, good: Callable[[Any], bool] = bool) -> Any:
        """Run a script again and again until what it gives is good."""
        for _ in range(PATIENCE * 4):
            found = await self.run(script, *arguments)
            if good(found):
                return found
            await asyncio.sleep(0.25)
        raise AssertionError(f"in vain: {script}: {found}")

    async def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(await self.ask("GET", "/screenshot")))

    async def log(self) -> list[str]:
        """What the browser complained of."""
        entries = await self.ask("POST", "/se/log", {"type": "browser"})
        return [f"{entry['level']} {entry['message']}" for entry in entries]


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Browser]:
    """Start a browser with a profile of its own."""
    assert CHROMIUM
    assert DRIVER
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(DRIVER, f"--port={port}", stdout=quiet, stderr=quiet)
    options = {"binary": CHROMIUM, "args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}, "timeouts": {"script": 60_000}}
    try:
        async with aiohttp.ClientSession() as session:
            root = f"http://127.0.0.1:{port}"
            await _ready(session, root)
            async with session.post(f"{root}/session", json={"capabilities": {"alwaysMatch": wanted}}) as response:
                made = json.loads(await response.text())["value"]
                assert "sessionId" in made, made
            browser = Browser(session, f"{root}/session/{made['sessionId']}")
            try:
                yield browser
            finally:
                await browser.ask("DELETE", "")
    finally:
        process.terminate()
        await process.wait()


async def _ready(session: aiohttp.ClientSession, root: str) -> None:
    for _ in range(PATIENCE * 10):
        try:
            async with session.get(f"{root}/status") as response:
                if (await response.json())["value"]["ready"]:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("chromedriver does not start")
