"""A prompt from its posting to its pictures, as a client sees it."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from graph_runtime import Library, Preview, Progress, node
from graph_runtime.cache import MemoryCache
from tests.comfy.server.live import Client, talk
from tests.engine.apples import LIBRARY

SAVED = {"1": ("Number", {"value": 7}), "2": ("Save", {"value": ["1", 0], "name": "seven.txt"})}
TOLD = {"1": ("Number", {"value": 1}), "2": ("Bump", {"n": ["1", 0]}), "3": ("Tell", {"value": ["2", 0]})}


def test_run_is_told_in_order(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            id = (await client.prompt(TOLD, client_id="me"))["prompt_id"]
            types = [type for type in await listener.end(id) if type not in ("progress_state", "progress")]
            assert types == [
                "execution_start",
                "execution_cached",
                *["executing"] * 3,
                "executed",
                "execution_success",
                "executing",
            ]
            last = [said["type"] for said in listener.heard][-3:]
            assert last == ["execution_success", "status", "executing"]
            assert [said["data"]["node"] for said in listener.heard if said["type"] == "executing"] == [
                "1",
                "2",
                "3",
                None,
            ]
            executed = next(said["data"] for said in listener.heard if said["type"] == "executed")
            assert executed == {"node": "3", "display_node": "3", "output": {"text": ["2"]}, "prompt_id": id}

    talk(tmp_path, conversation)


def test_history_is_there_when_the_end_is_told(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            workflow = {"id": "w", "nodes": []}
            extra = {"extra_pnginfo": {"workflow": workflow}, "api_key_comfy_org": "secret"}
            id = (await client.prompt(SAVED, client_id="me", extra_data=extra))["prompt_id"]
            await listener.end(id)
            entry = (await client.get(f"/history/{id}"))[id]
            number, its_id, prompt, extra_data, targets = entry["prompt"]
            assert (number, its_id, list(prompt), targets) == (1, id, ["1", "2"], ["2"])
            assert extra_data == {"extra_pnginfo": {"workflow": workflow}, "client_id": "me"}
            assert entry["outputs"] == {"2": {"files": [{"filename": "seven.txt", "subfolder": "", "type": "output"}]}}
            assert entry["status"]["status_str"] == "success"
            assert entry["status"]["completed"] is True
            logged = [type for type, _ in entry["status"]["messages"]]
            assert logged == ["execution_start", "execution_cached", "execution_success"]
            assert entry["meta"]["2"] == {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}
            job = await client.get(f"/api/jobs/{id}")
            assert (job["status"], job["workflow_id"], job["outputs_count"]) == ("completed", "w", 1)

    talk(tmp_path, conversation)


def test_what_is_kept_runs_no_more_and_is_shown_again(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            first = (await client.prompt(TOLD, client_id="me"))["prompt_id"]
            await listener.end(first)
            again = (await client.prompt(TOLD, client_id="me"))["prompt_id"]
            types = await listener.end(again)
            assert types.count("executing") == 1, "only the end"
            assert types.count("executed") == 1
            cached = next(
                said["data"]
                for said in listener.heard
                if said["type"] == "execution_cached" and said["data"]["prompt_id"] == again
            )
            assert sorted(cached["nodes"]) == ["1", "2", "3"]
            assert (await client.get(f"/history/{again}"))[again]["outputs"] == {"3": {"text": ["2"]}}

    talk(tmp_path, conversation, cache=MemoryCache(10**6))


def test_failing_branch_leaves_the_others_their_outputs(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            nodes = {"bad": ("Rot", {"n": 5}), "lost": ("Tell", {"value": ["bad", 0]}), **TOLD}
            id = (await client.prompt(nodes, client_id="me"))["prompt_id"]
            await listener.end(id)
            error = next(said["data"] for said in listener.heard if said["type"] == "execution_error")
            assert (error["node_id"], error["node_type"]) == ("bad", "Rot")
            assert (error["exception_type"], error["exception_message"]) == ("ValueError", "there is a worm in it")
            assert error["current_inputs"] == {"n": ["5"]}
            assert any("there is a worm in it" in line for line in error["traceback"])
            entry = (await client.get(f"/history/{id}"))[id]
            assert entry["outputs"] == {"3": {"text": ["2"]}}
            assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
            job = await client.get(f"/jobs/{id}")
            assert job["status"] == "failed"
            assert job["execution_error"]["node_id"] == "bad"

    talk(tmp_path, conversation)


def test_foreseen_failure_has_no_traceback(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            id = (await client.prompt({"1": ("Refuse", {}), "2": ("Tell", {"value": ["1", 0]})}, client_id="me"))[
                "prompt_id"
            ]
            error = await listener.until("execution_error", prompt_id=id)
            assert error["exception_message"] == "n: the apple is too small. Did you mean 2?"
            assert error["traceback"] == []

    talk(tmp_path, conversation)


def test_expanded_nodes_are_shown_at_the_node_that_expands(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            nodes = {"1": ("Loop", {"times": 2}), "2": ("Tell", {"value": ["1", 0]})}
            id = (await client.prompt(nodes, client_id="me"))["prompt_id"]
            await listener.end(id)
            run = [said["data"] for said in listener.heard if said["type"] == "executing" and said["data"]["node"]]
            assert {data["display_node"] for data in run} == {"1", "2"}
            assert len({data["node"] for data in run}) > 2
            assert (await client.get(f"/history/{id}"))[id]["outputs"] == {"2": {"text": ["2"]}}

    talk(tmp_path, conversation)


def test_progress_previews_and_words(tmp_path: Path) -> None:
    features = {"supports_preview_metadata": True, "supports_progress_text_metadata": True}
    nodes = {"1": ("Ripen", {"days": 3}), "2": ("Tell", {"value": ["1", 0]})}

    async def conversation(client: Client) -> None:
        async with client.listen("new", features) as new, client.listen("old") as old:
            for listener, name in ((new, "new"), (old, "old")):
                id = (await client.prompt(nodes, client_id=name))["prompt_id"]
                await listener.end(id)
        words = next(frame for frame in new.binary if struct.unpack(">I", frame[:4]) == (3,))
        length = struct.unpack(">I", words[4:8])[0]
        assert words[8 + length + 4 :] == b"1ripe"
        assert (
            next(frame for frame in old.binary if frame[:4] == struct.pack(">I", 3))
            == struct.pack(">II", 3, 1) + b"1ripe"
        )

    talk(tmp_path, conversation)


def test_partial_targets(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen() as listener:
            nodes = {**TOLD, "4": ("Tell", {"value": ["1", 0]}), "5": ("Tell", {"value": 5})}
            id = (await client.prompt(nodes, client_id="me", partial_execution_targets=["4"]))["prompt_id"]
            await listener.end(id)
            assert list((await client.get(f"/history/{id}"))[id]["outputs"]) == ["4"]

    talk(tmp_path, conversation)


def test_nobody_else_hears_of_a_job(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        async with client.listen("me") as mine, client.listen("other") as other:
            id = (await client.prompt(TOLD, client_id="me"))["prompt_id"]
            await mine.end(id)
            theirs = (await client.prompt(TOLD, client_id="other"))["prompt_id"]
            await other.end(theirs)
            assert all(said["data"].get("prompt_id") != id for said in other.heard)
            assert any(said["type"] == "status" for said in other.heard)

    talk(tmp_path, conversation)


def test_previews_are_drawn_for_those_who_look(tmp_path: Path) -> None:
    nodes = {"1": ("ShowPreviews", {}), "2": ("Tell", {"value": ["1", 0]})}

    async def conversation(client: Client) -> None:
        async with client.listen("me", {"supports_preview_metadata": True}) as listener:
            seen = (await client.prompt(nodes, client_id="me"))["prompt_id"]
            await listener.end(seen)
            framed = next(frame for frame in listener.binary if struct.unpack(">I", frame[:4]) == (4,))
            assert framed.endswith(b"apple")
            assert (await client.get(f"/history/{seen}"))[seen]["outputs"] == {"2": {"text": ["True"]}}
        unseen = (await client.prompt(nodes, client_id="nobody"))["prompt_id"]
        assert (await client.done(unseen))["outputs"] == {"2": {"text": ["False"]}}

    talk(tmp_path, conversation, library=LIBRARY + Library.of("looks", show_previews))


@node("Show Previews", cached=False)
def show_previews(progress: Progress) -> bool:
    """Tell whether a preview was asked for."""
    drawn = []

    def draw() -> Preview:
        drawn.append(1)
        return Preview("image/png", b"apple")

    progress(1, 2, draw)
    time.sleep(0.2)
    return bool(drawn)
