"""What is wrong with a prompt, in the words that ComfyUI's clients know; nothing malformed hurts the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.server.live import Client, api, talk

END = ("Tell", {"value": ["x", 0]})
GOOD = {"g": ("Number", {"value": 1}), "h": ("Tell", {"value": ["g", 0]})}


def refused(path: Path, nodes: dict[str, Any], **more: object) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def conversation(client: Client) -> None:
        found.update(await client.prompt(nodes, 400, **more))
        assert (await client.get("/prompt"))["exec_info"]["queue_remaining"] == 0

    talk(path, conversation)
    return found


@pytest.mark.parametrize(
    ("node", "type", "extra"),
    [
        (("Cut", {}), "required_input_missing", {"input_name": "apple", "input_config": ["APPLE", {}]}),
        (("Number", {"value": "many"}), "invalid_input_type", {"received_value": "many"}),
        (("Cut", {"apple": ["a", 0], "pieces": 0}), "value_smaller_than_min", {"received_value": 0}),
        (("Cut", {"apple": ["a", 0], "pieces": 13}), "value_bigger_than_max", {"received_value": 13}),
        (("Pick", {"kind": "blue"}), "value_not_in_list", {"received_value": "blue"}),
        (("Bump", {"n": ["nowhere", 0]}), "bad_linked_input", {"linked_node": ["nowhere", 0]}),
        (("Bump", {"n": ["a", -1]}), "bad_linked_input", {"linked_node": ["a", -1]}),
        (("Bump", {"n": ["a", 0]}), "return_type_mismatch", {"received_type": "APPLE", "linked_node": ["a", 0]}),
        (("Number", {"value": 1, "extra": 2}), "custom_validation_failed", {"input_name": "extra"}),
        (("Variety", {"kind": "russet"}), "custom_validation_failed", {"input_name": "kind"}),
    ],
)  # fmt: skip
def test_problem_of_a_node(tmp_path: Path, node: tuple[str, dict[str, Any]], type: str, extra: dict[str, Any]) -> None:
    body = refused(tmp_path, {"a": ("Pick", {}), "x": node, "end": END})
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    wrong = body["node_errors"]["x"]
    assert (wrong["class_type"], wrong["dependent_outputs"]) == (node[0], ["end"])
    (error,) = wrong["errors"]
    assert error["type"] == type
    assert error["message"]
    assert error["details"]
    assert extra.items() <= error["extra_info"].items()


def test_mismatch_is_worded_as_clients_parse_it(tmp_path: Path) -> None:
    body = refused(tmp_path, {"a": ("Pick", {}), "x": ("Bump", {"n": ["a", 0]}), "end": END})
    (error,) = body["node_errors"]["x"]["errors"]
    assert error["details"] == "n, received_type(APPLE) mismatch input_type(INT)"
    assert error["extra_info"]["input_config"][0] == "INT"


def test_unknown_kind(tmp_path: Path) -> None:
    error = refused(tmp_path, {"x": ("Nmuber", {}), "end": END})["error"]
    assert error["type"] == "missing_node_type"
    assert error["extra_info"] == {"node_id": "x", "class_type": "Nmuber", "node_title": "Nmuber"}
    assert "Did you mean Number?" in error["details"]


def test_circle(tmp_path: Path) -> None:
    error = refused(tmp_path, {"x": ("Bump", {"n": ["y", 0]}), "y": ("Bump", {"n": ["x", 0]}), "end": END})["error"]
    assert error["type"] == "dependency_cycle"
    assert error["details"] == "x (Bump) -> y (Bump) -> x (Bump)"
    assert error["extra_info"]["cycle_nodes"] == ["x", "y"]


def test_good_outputs_run_beside_bad_ones(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        answer = await client.prompt({**GOOD, "x": ("Number", {"value": "many"}), "end": END})
        assert list(answer["node_errors"]) == ["x"]
        job = await client.done(answer["prompt_id"])
        assert job["outputs"] == {"h": {"text": ["1"]}}

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({}, "no_prompt"),
        ({"prompt": {}}, "prompt_no_outputs"),
        ({"prompt": None}, "invalid_prompt"),
        ({"prompt": []}, "invalid_prompt"),
        ({"prompt": {"1": 5}}, "invalid_prompt"),
        ({"prompt": {"1": {}}}, "invalid_prompt"),
        ({"prompt": {"1": {"class_type": ["Tell"]}}}, "invalid_prompt"),
        ({"prompt": {"1": {"class_type": "Tell", "inputs": []}}}, "invalid_prompt"),
        ({"prompt": api({"1": ("Number", {})})}, "prompt_no_outputs"),
        ({"prompt": api(GOOD), "partial_execution_targets": ["zz"]}, "prompt_no_outputs"),
        ({"prompt": api(GOOD), "partial_execution_targets": "h"}, "invalid_prompt"),
        ({"prompt": api(GOOD), "partial_execution_targets": [["h"]]}, "invalid_prompt"),
        ({"prompt": api(GOOD), "prompt_id": 7}, "invalid_prompt"),
        ({"prompt": api(GOOD), "prompt_id": "../x"}, "invalid_prompt"),
        ({"prompt": api(GOOD), "number": "first"}, "invalid_prompt"),
        ({"prompt": api(GOOD), "number": True}, "invalid_prompt"),
        ({"prompt": api(GOOD), "client_id": {}}, "invalid_prompt"),
        ({"prompt": api(GOOD), "extra_data": []}, "invalid_prompt"),
        ({"prompt": api(GOOD), "extra_data": {"extra_pnginfo": []}}, None),
        ({"prompt": api(GOOD), "extra_data": {"extra_pnginfo": {"workflow": 5}}}, "invalid_prompt"),
        ([], "invalid_prompt"),
        ("text", "invalid_prompt"),
    ],
)  # fmt: skip
def test_body_of_another_shape(tmp_path: Path, body: object, type: str | None) -> None:
    async def conversation(client: Client) -> None:
        if type is None:
            await client.done((await client.post("/prompt", body))["prompt_id"])
        else:
            answer = await client.post("/prompt", body, 400)
            assert answer["error"]["type"] == type
            assert answer["node_errors"] is not None
        assert (await client.done((await client.prompt(GOOD))["prompt_id"]))["status"] == "completed"

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"\xff\xfe{}", b'{"prompt": NaN}', b'{"prompt": {"1": 1e999}}', b'{"prompt": Infinity}', b"\x00",
        b"[" * 100_000, b'{"a":' * 700 + b"1" + b"}" * 700, b'{"prompt": ' + b"9" * 5000 + b"}",
        b'{"prompt": "' + b"\\" * 999 + b'"}',
    ],
)  # fmt: skip
def test_body_that_is_no_json(tmp_path: Path, data: bytes) -> None:
    async def conversation(client: Client) -> None:
        for path in ("/prompt", "/queue", "/history", "/interrupt", "/free", "/jobs/cancel", "/settings"):
            headers = {"Content-Type": "application/json"}
            async with client.session.post(client.running.url + path, data=data, headers=headers) as response:
                body = await response.text()
                if data == b"" and path != "/prompt":
                    assert response.status == 200
                else:
                    assert response.status == 400, (path, response.status, body)
                    assert json.loads(body)["error"]["type"] in ("invalid_prompt", "no_prompt")

    talk(tmp_path, conversation)


def test_same_id_twice_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        await client.prompt(GOOD, prompt_id="one", number=1)
        answer = await client.prompt(GOOD, 400, prompt_id="one", number=1)
        assert "one" in answer["error"]["details"]
        assert (await client.done("one"))["status"] == "completed"

    talk(tmp_path, conversation)


def test_undeclared_link_to_a_missing_node(tmp_path: Path) -> None:
    body = refused(tmp_path, {"x": ("Number", {"value": 1, "more": ["ghost", 0]}), "end": END})
    assert list(body["node_errors"]) == ["x"]


def test_surrogates_and_controls_in_names(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        nodes = {"\ud800\x1b": ("Rot", {}), "end": ("Tell", {"value": ["\ud800\x1b", 0]})}
        async with client.listen() as listener:
            id = (await client.prompt(nodes, client_id="me"))["prompt_id"]
            assert (await listener.until("execution_error"))["node_id"] == "\ud800\x1b"
            assert (await client.get(f"/history/{id}"))[id]["status"]["status_str"] == "error"

    talk(tmp_path, conversation)
