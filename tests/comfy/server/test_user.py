"""Settings, workflows of the user, and what the server says about itself."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from graph_runtime.comfy.serving import Options
from tests.comfy.server.live import Client, talk


async def ask(client: Client, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with client.session.request(method, client.running.url + path, **more) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


def test_settings_are_merged_and_outlive_the_server(tmp_path: Path) -> None:
    async def first(client: Client) -> None:
        assert (await ask(client, "POST", "/settings", data='{"a": 1, "b": [2]}'))[0] == 200
        assert (await ask(client, "POST", "/api/settings/Comfy.Theme", data='"dark"'))[0] == 200
        assert (await ask(client, "POST", "/settings", data="[]"))[0] == 400

    async def second(client: Client) -> None:
        found = await client.get("/settings")
        assert (found["a"], found["b"], found["Comfy.Theme"]) == (1, [2], "dark")
        assert await client.get("/settings/b") == [2]
        assert await client.get("/settings/nothing") is None

    talk(tmp_path, first)
    talk(tmp_path, second)


def test_workflows_are_saved_listed_moved_and_deleted(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        where = "/userdata?dir=workflows&recurse=true&split=false&full_info=true"
        assert (await ask(client, "GET", where))[0] == 404
        name = "/api/userdata/workflows%2Fdeep%2Fa%20b.json"
        status, told = await ask(client, "POST", f"{name}?overwrite=false&full_info=true", data=b'{"nodes": []}')
        assert (status, told["path"], told["size"]) == (200, "workflows/deep/a b.json", 13)
        assert told["modified"] > 10**12
        assert (await ask(client, "POST", f"{name}?overwrite=false", data=b"{}"))[0] == 409
        assert await ask(client, "POST", name, data=b'{"nodes": [1]}') == (200, "workflows/deep/a b.json")
        assert await ask(client, "GET", name) == (200, {"nodes": [1]})
        assert [info["path"] for info in (await ask(client, "GET", where))[1]] == ["deep/a b.json"]
        assert await client.get("/userdata?dir=workflows&recurse=true&split=true") == [
            ["deep/a b.json", "deep", "a b.json"]
        ]
        assert await client.get("/userdata?dir=workflows") == []
        entries = await client.get("/v2/userdata?path=workflows")
        assert [(entry["name"], entry["type"], entry["path"]) for entry in entries] == [
            ("deep", "directory", "workflows/deep")
        ]
        assert await ask(client, "POST", f"{name}/move/workflows%2Fc.json") == (200, "workflows/c.json")
        assert (await ask(client, "GET", name))[0] == 404
        assert (await ask(client, "DELETE", "/userdata/workflows%2Fc.json"))[0] == 204
        assert (await ask(client, "DELETE", "/userdata/workflows%2Fc.json"))[0] == 404
        assert (await ask(client, "POST", "/userdata/workflows", data=b"{}"))[0] == 409
        assert (await ask(client, "GET", "/userdata"))[0] == 400

    talk(tmp_path, conversation)


def test_a_link_that_leads_nowhere_hides_no_other_file(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        await ask(client, "POST", "/userdata/workflows%2Fmine.json", data=b"{}")
        (client.running.server.state / "user/workflows/lost.json").symlink_to("nowhere.json")
        for where in ("/v2/userdata?path=workflows", "/userdata?dir=workflows&full_info=true"):
            assert [one["path"].rpartition("/")[2] for one in await client.get(where)] == ["mine.json"]

    talk(tmp_path, conversation)


def test_the_page_always_has_a_style_of_the_users(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        for style in ("", "body { color: red }"):
            if style:
                await ask(client, "POST", "/userdata/user.css", data=style.encode())
            for path in ("/user.css", "/api/userdata/user.css"):
                async with client.session.get(client.running.url + path) as response:
                    assert (response.status, response.content_type) == (200, "text/css")
                    assert await response.text() == style

    talk(tmp_path, conversation)


def test_saved_page_is_not_run_by_a_browser(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        await ask(client, "POST", "/userdata/a.html", data=b"<script>alert(1)</script>")
        async with client.session.get(f"{client.running.url}/userdata/a.html") as response:
            assert response.headers["Content-Type"] == "application/octet-stream"
            assert response.headers["Content-Disposition"].startswith("attachment")

    talk(tmp_path, conversation)


def test_machine_is_described_without_torch(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        found = await client.get("/system_stats")
        assert found["system"]["ram_total"] >= found["system"]["ram_free"] > 0
        assert found["devices"][0]["type"] in ("cpu", "cuda")
        assert (await client.get("/features"))["supports_preview_metadata"] is True
        for path in ("/i18n", "/global_subgraphs", "/history/none", "/object_info/None"):
            assert await client.get(path) == {}
        for path in ("/embeddings", "/models/checkpoints", "/experiment/models/loras", "/internal/files/output"):
            assert await client.get(path) == []
        assert (await client.get("/users"))["storage"] == "server"

    talk(tmp_path, conversation)


def test_logs_are_read_and_heard(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        logging.getLogger("orchard").warning("frost")
        assert any("frost" in entry["m"] for entry in (await client.get("/internal/logs/raw"))["entries"])
        assert "frost" in await client.get("/internal/logs")
        async with client.listen() as listener:
            body = {"clientId": "me", "enabled": True}
            assert (await ask(client, "PATCH", "/internal/logs/subscribe", json=body))[0] == 200
            logging.getLogger("orchard").warning("hail")
            assert "hail" in (await listener.until("logs"))["entries"][0]["m"]

    talk(tmp_path, conversation)


def test_workflows_beside_the_program_are_templates(tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    api = {
        "1": {"class_type": "Number", "inputs": {"value": 3}},
        "2": {"class_type": "Tell", "inputs": {"value": ["1", 0]}},
    }
    (folder / "first.json").write_text(json.dumps(api))
    (folder / "first.png").write_bytes(b"\x89PNG")
    (folder / "plain.json").write_text(json.dumps(api))
    (folder / "small.json").write_text(json.dumps(api))
    (folder / "thumbnails").mkdir()
    (folder / "thumbnails" / "small.webp").write_bytes(b"RIFF")
    (folder / "broken.json").write_text("{")

    async def conversation(client: Client) -> None:
        assert await client.get("/workflow_templates") == {"Ours": ["broken", "first", "plain", "small"]}
        document = await client.get("/api/workflow_templates/Ours/first.json")
        assert [node["type"] for node in document["nodes"]] == ["Number", "Tell"]
        assert (await ask(client, "GET", "/workflow_templates/Ours/broken.json"))[0] == 400
        for path in ("Ours/none.json", "Ours/broken.jpg", "Theirs/first.json", "Ours/..%2Ffirst.json"):
            assert (await ask(client, "GET", f"/workflow_templates/{path}"))[0] in (400, 403, 404)
        drawn = (("first.jpg", "image/png"), ("plain.jpg", "image/svg+xml"), ("small.jpg", "image/webp"))
        for name, type in drawn:
            async with client.session.get(f"{client.running.url}/workflow_templates/Ours/{name}") as response:
                assert (response.status, response.content_type) == (200, type)

    talk(tmp_path, conversation, options=Options(port=0, templates=(("Ours", folder),)))


def test_pictures_of_templates_are_shown_from_where_they_lie(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for name in ("cat.png", "dog.png"):
        (samples / name).write_text(f"the {name} of the template")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "dog.png").write_text("my dog")

    async def conversation(client: Client) -> None:
        for name, found in (("cat.png", "the cat.png of the template"), ("dog.png", "my dog")):
            async with client.session.get(f"{client.running.url}/view?filename={name}&type=input") as response:
                assert await response.text() == found
        assert (await ask(client, "GET", "/view?filename=cat.png&type=output"))[0] == 404
        assert (await ask(client, "GET", "/view?filename=..%2Finput%2Fdog.png&type=input"))[0] == 403
        assert [path.name for path in (tmp_path / "input").iterdir()] == ["dog.png"]

    talk(tmp_path, conversation, samples=(samples,))


def test_page_and_its_files(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.session.get(f"{client.running.url}/") as response:
            if client.running.server.frontend is None:
                assert response.status == 503
                return
            assert response.headers["Cache-Control"] == "no-cache"
            assert "connect-src 'self'" in response.headers["Content-Security-Policy"]
            assert "<html" in await response.text()
        scripts = await client.get("/extensions")
        assert "/extensions/controlgraph/start.js" in scripts
        for path in (*scripts, "/materialdesignicons.min.css"):
            async with client.session.get(client.running.url + path) as response:
                assert response.status == 200, path
        for path in (
            "/../server.py",
            "/extensions/controlgraph/../../server.py",
            "/extensions/controlgraph/%2e%2e/server.py",
        ):
            async with client.session.get(client.running.url + path) as response:
                assert response.status in (403, 404), path

    talk(tmp_path, conversation)


def test_what_cannot_be_read_or_written_is_no_full_disk(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        state = client.running.server.state
        (state / "settings.json").mkdir()
        status, said = await ask(client, "POST", "/settings", data='{"a": 1}')
        assert status == 500 and "Is a directory" in said["error"]["details"]
        assert "nothing was changed" not in said["error"]["details"]

    talk(tmp_path, conversation)
