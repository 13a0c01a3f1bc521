"""The newest editor in a real browser: loads a workflow, runs it, shows pictures and errors, saves and uploads."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from PIL import Image as Pictures
from PIL.PngImagePlugin import PngInfo

from graph_runtime import Choices, EditorDocument, Folders, Library, NodeError, Progress, Range, Shown, ShownFile, node
from graph_runtime.api_format import from_json
from graph_runtime.comfy.extensions import Extension
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.serving import Options, frontend
from tests.comfy.server.browser import CHROMIUM, DRIVER, Browser, browsing
from tests.comfy.server.live import Client, live
from tests.engine.apples import Orchard

pytestmark = [
    pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="needs chromium and chromedriver (Debian: chromium-driver)"),
    pytest.mark.skipif(frontend() is None, reason="needs the editor: pip install 'controlgraph[editor]'"),
]

BOOTED = "return !!(window.app?.graph?._nodes.length && !document.querySelector('#splash-loader'))"
LISTEN = """
window.heard = [];
const ends = ["execution_success", "execution_error", "execution_interrupted"];
for (const type of ["execution_start", "executing", "executed", ...ends])
  app.api.addEventListener(type, (event) => heard.push([type, event.detail]));
"""
SCRIPT = """
import { app } from "../../scripts/app.js";
app.registerExtension({ name: "toys.test", setup() { window.toysAreThere = true; } });
"""
SHADE = {
    "1": {"class_type": "Shade", "inputs": {"level": 90}},
    "2": {"class_type": "Keep", "inputs": {"shade": ["1", 0]}},
}


@node("Shade", category="toys")
def shade(
    level: Annotated[int, Range(0, 255)] = 90,
    fail: bool = False,
    picture: Annotated[str, Choices(lambda folders: _pictures(folders), open=True, upload="image")] = "",
) -> int:
    """Pick a shade of grey.

    Args:
        level: How bright it is.
        fail: Whether to fail.
    """
    if fail:
        raise NodeError("there is no such shade.", input="level")
    return level


def _pictures(folders: Folders) -> list[str]:
    return sorted(path.name for path in folders.input.glob("*.png"))


@node("Wait")
def wait(orchard: Orchard, progress: Progress, shade: int) -> int:
    """Wait until the gate is open."""
    while not orchard.gate.wait(0.02):
        progress(1, 4)
    return shade


@node("Keep Shade", id="Keep")
def keep(shade: int, folders: Folders, document: EditorDocument) -> Shown[None]:
    """Save a picture of one shade."""
    folders.output.mkdir(parents=True, exist_ok=True)
    path = folders.output / f"shade_{shade}.png"
    Pictures.new("RGB", (64, 64), (shade, shade, shade)).save(path)
    return Shown((ShownFile(path),), text=(str(len(document.get("nodes", []))),))  # type: ignore[arg-type]


TOYS = Library.of("toys", shade, wait, keep)


@dataclass
class Editor:
    """A browser for all tests of this file; each gets a server, whose editor begins with a shade."""

    runner: asyncio.Runner
    browser: Browser

    def __call__(self, path: Path, session: Callable[[Client, Browser], Awaitable[None]]) -> None:
        self.runner.run(asyncio.wait_for(self._go(path, session), 240))

    async def _go(self, path: Path, session: Callable[[Client, Browser], Awaitable[None]]) -> None:
        templates = path / "templates"
        templates.mkdir()
        (templates / "text_to_image.json").write_text(json.dumps(SHADE))
        (path / "scripts").mkdir()
        (path / "scripts" / "toys.js").write_text(SCRIPT)
        extensions = (Extension("toys", path / "scripts"),)
        async with live(path, Options(port=0, templates=(("Toys", templates),), extensions=extensions), TOYS) as client:
            await self.browser.open(client.running.door)
            await self.browser.until(BOOTED)
            await self.browser.run(LISTEN)
            try:
                await session(client, self.browser)
            except BaseException:
                await self.browser.screenshot(path / "failed.png")
                raise


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    with asyncio.Runner() as runner:
        opening = browsing(tmp_path_factory.mktemp("profile"))
        yield Editor(runner, runner.run(opening.__aenter__()))
        runner.run(opening.__aexit__(None, None, None))


async def run(browser: Browser, end: str = "execution_success") -> list[list[object]]:
    """Press Run, and give what the page heard to the end."""
    await browser.run("heard.length = 0; await app.queuePrompt(0);")
    await browser.until("return heard.some(([type]) => type === arguments[0])", end)
    return list(await browser.run("return heard"))


def test_first_workflow_runs_and_its_picture_appears(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        assert await browser.run("return app.graph._nodes.map((node) => node.type)") == ["Shade", "Keep"]
        heard = await run(browser)
        executed = next(detail for type, detail in heard if type == "executed")
        assert executed["output"] == {
            "images": [{"filename": "shade_90.png", "subfolder": "", "type": "output"}],
            "text": ["2"],
        }  # type: ignore[index,call-overload]
        drawn = "const keep = app.graph._nodes[1]; return [keep.imgs?.[0]?.naturalWidth, keep.imgs?.[0]?.src]"
        _, source = await browser.until(drawn, good=lambda found: found[0] == 64)
        assert "filename=shade_90.png" in source
        assert (await client.get("/jobs"))["jobs"][0]["preview_output"]["filename"] == "shade_90.png"

    edit(tmp_path, session)


def test_widgets_tooltips_and_links_come_from_the_declaration(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        widget = "const widget = app.graph._nodes[0].widgets.find((one) => one.name === 'level');"
        options = await browser.run(f"{widget} return [widget.value, widget.options.min, widget.options.max]")
        assert options == [90, 0, 255]
        tip = "return app.graph._nodes[0].constructor.nodeData.input.required.level[1].tooltip"
        assert await browser.run(tip) == "How bright it is."
        linked = "const [shade, keep] = app.graph._nodes; keep.disconnectInput(0); return !!shade.connect(0, keep, 0)"
        assert await browser.run(linked) is True, "a number flows into a number"
        await browser.run(f"{widget} widget.value = 17")
        heard = await run(browser)
        assert "shade_17.png" in json.dumps(heard)

    edit(tmp_path, session)


def test_errors_ring_the_right_node(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        await browser.run("app.graph._nodes[0].widgets.find((one) => one.name === 'fail').value = true")
        heard = await run(browser, "execution_error")
        detail = next(detail for type, detail in heard if type == "execution_error")
        assert (detail["node_id"], detail["exception_message"]) == ("1", "level: there is no such shade.")  # type: ignore[index,call-overload]
        assert await browser.until("return app.lastExecutionError?.node_id") == "1"
        ringed = "return app.graph._nodes.map((node) => !!node.has_errors)"
        await browser.run(
            "const values = {level: 999, fail: false};"
            "for (const widget of app.graph._nodes[0].widgets) widget.value = values[widget.name] ?? widget.value;"
            "await app.queuePrompt(0).catch(() => 0);"
        )
        assert await browser.until(ringed, good=any) == [True, False]
        assert len((await client.get("/jobs"))["jobs"]) == 1, "a prompt that cannot run joins no queue"

    edit(tmp_path, session)


def test_interrupt_button_stops_the_run(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        await browser.run(
            "const wait = LiteGraph.createNode('Wait'); app.graph.add(wait);"
            "const [shade, keep] = app.graph._nodes; shade.connect(0, wait, 0); wait.connect(0, keep, 0);"
            "heard.length = 0; await app.queuePrompt(0);"
        )
        await browser.until("return heard.some(([type, node]) => type === 'executing' && String(node) === '3')")
        await browser.run("await app.api.interrupt(null)")
        await browser.until("return heard.some(([type]) => type === 'execution_interrupted')")
        assert (await client.get("/jobs"))["jobs"][0]["status"] == "cancelled"

    edit(tmp_path, session)


def test_workflow_is_saved_and_there_after_a_reload(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        await browser.run(
            "const data = app.graph.serialize(); await app.api.storeUserData('workflows/mine.json', data)"
        )
        assert await client.get("/userdata?dir=workflows") == ["mine.json"]
        await browser.open(client.running.door)
        await browser.until(BOOTED)
        found = await browser.run(
            "return (await (await app.api.getUserData('workflows/mine.json')).json()).nodes.length"
        )
        assert found == 2

    edit(tmp_path, session)


def test_picture_is_uploaded(tmp_path: Path, edit: Editor) -> None:
    stream = io.BytesIO()
    Pictures.new("RGB", (8, 8), (1, 2, 3)).save(stream, "PNG")
    upload = """
    const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
    const form = new FormData();
    form.append("image", new File([bytes], "small.png", {type: "image/png"}));
    return await (await app.api.fetchApi("/upload/image", {method: "POST", body: form})).json();
    """

    async def session(client: Client, browser: Browser) -> None:
        name = await browser.run(upload, base64.b64encode(stream.getvalue()).decode())
        assert name == {"name": "small.png", "subfolder": "", "type": "input"}
        info = await client.get("/object_info/Shade")
        assert info["Shade"]["input"]["required"]["picture"][0] == ["small.png"]

    edit(tmp_path, session)


def test_picture_dropped_on_the_canvas_gives_its_graph_back(tmp_path: Path, edit: Editor) -> None:
    calls = {"7": {"class_type": "Shade", "inputs": {"level": 33}}}
    info = PngInfo()
    info.add_text("workflow", json.dumps(to_document(from_json(calls), TOYS)))
    stream = io.BytesIO()
    Pictures.new("RGB", (8, 8)).save(stream, "PNG", pnginfo=info)
    drop = """
    const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
    await app.handleFile(new File([bytes], "drawn.png", {type: "image/png"}));
    return app.graph._nodes.map((node) => [node.type, node.widgets[0].value]);
    """

    async def session(client: Client, browser: Browser) -> None:
        assert await browser.run(drop, base64.b64encode(stream.getvalue()).decode()) == [["Shade", 33]]

    edit(tmp_path, session)


def test_scripts_and_help_pages_of_a_pack_are_there(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        assert await browser.run("return window.toysAreThere")
        page = "return await (await fetch(app.api.fileURL('/extensions/toys/docs/Shade/en.md'))).text()"
        assert (await browser.run(page)).startswith("# Shade\n\nPick a shade of grey.")

    edit(tmp_path, session)


def test_page_talks_to_nobody_else(tmp_path: Path, edit: Editor) -> None:
    async def session(client: Client, browser: Browser) -> None:
        await asyncio.sleep(1)
        loaded = await browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
        assert loaded
        assert [url for url in loaded if not url.startswith((client.running.url, "data:", "blob:"))] == []
        assert not [line for line in await browser.log() if "Content Security Policy" in line]

    edit(tmp_path, session)
