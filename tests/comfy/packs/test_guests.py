"""Packs that name far more of ComfyUI than is here load with all nodes that get along without it."""

from __future__ import annotations

import sys
from pathlib import Path

import aiohttp
import pytest

from graph_runtime import Folders, Library, NodeError
from graph_runtime.comfy.packs.extending import extensions
from graph_runtime.comfy.packs.modules import importable
from graph_runtime.comfy.packs.shims.prompt_server import PromptServer
from graph_runtime.comfy.serving import Options
from tests.comfy.packs.kitchen import cook, load, places
from tests.comfy.server.live import Client, talk
from tests.engine.apples import LIBRARY as APPLES

HERE = Path(__file__).parent / "guests"
NOT_HERE = "is not offered here: models are passed on as recipes"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return places(tmp_path)


@pytest.fixture
def guests(folders: Folders) -> Library:
    return load(folders, shelf=HERE)


def test_what_gets_along_without_runs_and_the_rest_says_what_it_lacks(guests: Library, folders: Folders) -> None:
    assert not guests.failures
    kinds = ("GuestPlain", "GuestAmbitious", "GuestPreviewing")
    told = cook(guests, folders, {kind: (kind, {"name": "euler"}) for kind in kinds}, kinds)
    assert told.value("GuestPlain") == "euler e3b0 True"
    assert f"comfy.controlnet.ControlNet {NOT_HERE}" in told.failed["GuestAmbitious"]
    assert f"latent_preview.prepare_callback {NOT_HERE}" in told.failed["GuestPreviewing"]


def test_a_pack_names_folders_of_its_own(guests: Library) -> None:
    names = guests["GuestPlain"].source.tell.__globals__  # type: ignore[attr-defined]
    assert names["BOOKS"] == ["page.txt"]
    assert str(HERE) in names["NEIGHBOURS"]


def test_what_a_pack_puts_beside_comfyui_lands_in_the_state_folder(guests: Library, folders: Folders) -> None:
    assert folders.state is not None
    marks = guests["GuestPlain"].source.tell.__globals__["MARKS"]  # type: ignore[attr-defined]
    assert marks == [str(folders.state / "comfyui/web/guest")] * 3 and Path(marks[0]).is_dir()


def test_a_pack_knows_whose_prompt_runs(guests: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener, client.listen("somebody else"):
            nodes = {"5": ("GuestPlain", {"name": "euler"}), "6": ("Tell", {"value": ["5", 0]})}
            said = await client.prompt(nodes, client_id="me")
            assert await listener.until("guest") == {"prompt": said["prompt_id"], "node": "5"}
            await listener.end(said["prompt_id"])

    talk(tmp_path, conversation, library=APPLES + guests, options=Options(port=0, extensions=extensions(guests)))


def test_routes_that_go_to_the_application_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PromptServer, "instance", PromptServer())  # no server has run yet
    guests = load(places(tmp_path), shelf=HERE)

    async def conversation(client: Client) -> None:
        assert await client.get("/guest/menu") == {"busy": False, "left": 0, "begun": True}
        async with client.session.get(f"{client.running.url}/guest/pages/page.txt") as response:
            assert await response.text() == "a page\n"
        for path in ("..%2F__init__.py", "none.txt"):
            async with client.session.get(f"{client.running.url}/guest/pages/{path}") as response:
                assert response.status in (403, 404)
        async with aiohttp.ClientSession() as stranger:
            foreign = {"Origin": "http://evil.example"}
            async with stranger.get(f"{client.running.url}/guest/pages/page.txt", headers=foreign) as response:
                assert response.status == 403

    talk(tmp_path, conversation, library=guests, options=Options(port=0, extensions=extensions(guests)))


def test_what_came_last_is_declared_as_the_editor_wants_it(guests: Library, folders: Folders) -> None:
    entry = guests["GuestInvite"].entry("new_guest")
    required, optional = entry["input"]["required"], entry["input"]["optional"]
    assert required["shades"][1]["options"] == ["red", "blue"]
    assert required["shades"][1]["multi_select"] == {"placeholder": "which"}
    assert required["number"][0] == "INT,FLOAT" and required["number"][1]["widgetType"] == "INT"
    assert required["paint"][1]["default"] == "#ffffff"
    assert optional["camera"][0] == "WAN_CAMERA_EMBEDDING"
    assert optional["far"][1]["remote"] == {
        "route": "/guest/menu",
        "refresh_button": True,
        "control_after_refresh": "first",
        "timeout": 5,
    }
    assert entry["output"] == ["GUEST_LIST"]
    call = ("GuestInvite", {"shades": ["blue"], "number": 3, "paint": "#000000"})
    assert cook(guests, folders, {"1": call}, ["1"]).value("1") == ["blue", 3, "#000000"]


def test_what_blocks_is_one_thing_wherever_it_is_imported_from() -> None:
    with importable():
        from comfy_execution.graph import ExecutionBlocker as older
        from comfy_execution.graph_utils import ExecutionBlocker as newer

    assert older is newer and older("enough").message == "enough"


def test_hollow_modules_leave_with_the_last_call() -> None:
    with importable():
        import comfy.text_encoders.guest as guest
        from comfy_extras.nodes_guest import Guest

        assert guest.__name__ in sys.modules
        assert not isinstance(3, Guest.Part)
        with pytest.raises(NodeError, match=r"comfy_extras\.nodes_guest\.Guest\.part is not offered"):
            Guest.part(1)
    assert not {"comfy", "comfy.text_encoders.guest", "comfy_extras.nodes_guest"} & sys.modules.keys()
