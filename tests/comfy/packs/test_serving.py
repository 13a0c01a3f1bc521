"""Packs on the server: their nodes, scripts, routes, messages and errors."""

from __future__ import annotations

from pathlib import Path

from graph_runtime import Library
from graph_runtime.comfy.packs.extending import extensions
from graph_runtime.comfy.packs.shims.prompt_server import PromptServer
from graph_runtime.comfy.serving import Options
from tests.comfy.packs.kitchen import places
from tests.comfy.server.live import Client, talk

GRAPH = {"1": ("KitchenNumber", {"value": 4}), "2": ("KitchenShow", {"what": ["1", 0]})}


def converse(path: Path, shelf: Library, conversation) -> None:
    places(path)
    talk(path, conversation, library=shelf, options=Options(port=0, extensions=extensions(shelf)))


def test_scripts_and_routes_are_served(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        assert "/extensions/kitchen-v1.0/kitchen.js" in await client.get("/extensions")
        async with client.session.get(f"{client.running.url}/extensions/kitchen-v1.0/kitchen.js") as response:
            assert "A script for the editor" in await response.text()
        assert await client.get("/kitchen/menu") == await client.get("/api/kitchen/menu") == {"menu": ["soup"]}
        async with client.session.get(f"{client.running.url}/kitchen/menu", headers={"Origin": "null"}) as response:
            assert response.status == 403

    converse(tmp_path, shelf, conversation)


def test_a_prompt_of_a_pack_runs_and_again_for_nothing(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            for _ in range(2):
                id = (await client.prompt(GRAPH, client_id="me"))["prompt_id"]
                await listener.end(id)
                history = await client.get(f"/history/{id}")
                assert history[id]["outputs"] == {"2": {"text": ["4"]}}

    converse(tmp_path, shelf, conversation)


def test_packs_send_messages(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            PromptServer.instance.send_sync("kitchen.bell", {"times": 2})
            assert await listener.until("kitchen.bell") == {"times": 2}

    converse(tmp_path, shelf, conversation)


def test_problems_are_told_in_the_words_of_the_class(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        graph = {"1": ("KitchenNumber", {"value": 40}), "2": ("KitchenShow", {"what": ["1", 0]})}
        error = (await client.prompt(graph, 400))["node_errors"]["1"]["errors"][0]
        assert error["type"] == "value_bigger_than_max"
        assert error["extra_info"]["input_config"][1]["max"] == 10
        graph = {"1": ("KitchenGrey", {}), "2": ("KitchenTakesPlate", {"plate": ["1", 0]})}
        answer = await client.prompt({**graph, "3": ("KitchenShow", {"what": ["2", 0]})}, 400)
        error = answer["node_errors"]["2"]["errors"][0]
        assert error["type"] == "return_type_mismatch"
        assert error["details"] == "plate, received_type(IMAGE) mismatch input_type(PLATE,BOWL)"

    converse(tmp_path, shelf, conversation)


def test_sub_graphs_show_their_progress_at_their_node(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        graph = {
            "1": ("KitchenNumber", {"value": 4}),
            "2": ("KitchenRepeat", {"times": 2, "value": ["1", 0]}),
            "3": ("KitchenShow", {"what": ["2", 0]}),
        }
        async with client.listen() as listener:
            id = (await client.prompt(graph, client_id="me"))["prompt_id"]
            await listener.end(id)
        shown = {
            said["data"]["node"]: said["data"]["display_node"]
            for said in listener.heard
            if said["type"] == "executing" and said["data"]["node"]
        }
        assert shown["2.~0.1"] == "2" and shown["2.~0.2.~0.1"] == "2"

    converse(tmp_path, shelf, conversation)


def test_a_pack_may_change_what_is_posted(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        graph = {"1": ("KitchenNumber", {"value": 4, "double": True}), "2": ("KitchenShow", {"what": ["1", 0]})}
        job = await client.done((await client.prompt(graph))["prompt_id"])
        assert job["outputs"] == {"2": {"text": ["8"]}}
        await client.post("/prompt", {"prompt": 5}, 400)

    converse(tmp_path, shelf, conversation)


def test_help_pages_are_the_packs_own_or_made_of_the_declaration(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async def text(path: str, status: int = 200) -> str:
            async with client.session.get(client.running.url + path) as response:
                assert response.status == status
                assert status != 200 or response.content_type == "text/markdown"
                return await response.text()

        at = "/extensions/kitchen-v1.0/docs"
        assert await text(f"{at}/KitchenAdd/en.md") == "# Addition\n"
        page = await text(f"{at}/KitchenNumber/en.md")
        assert page == await text(f"{at}/KitchenNumber.md")
        assert page.startswith("# A Number\n\nGives a number.\n")
        assert "- **value**: integer, 0 to 10, in steps of 1, required.  \n  Which.\n" in page
        assert "- **number**: integer.  \n  The same.\n" in page
        for missing in (f"{at}/KitchenNumber/de.md", f"{at}/Nothing.md", "/extensions/pantry/docs/KitchenNumber.md"):
            await text(missing, 404)

    converse(tmp_path, shelf, conversation)


def test_translations_and_sub_graphs_of_packs(shelf: Library, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        words = {"nodeDefs": {"KitchenNumber": {"display_name": "Eine Zahl"}}, "kitchen": {"soup": "Suppe"}}
        assert await client.get("/i18n") == {"de": words}
        ((id, said),) = (await client.get("/global_subgraphs")).items()
        assert (said["name"], said["info"]) == ("Two Soups", {"node_pack": "custom_nodes.kitchen-v1.0"})
        assert '"nodes": []' in (await client.get(f"/global_subgraphs/{id}"))["data"]

    converse(tmp_path, shelf, conversation)
