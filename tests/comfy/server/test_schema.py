"""Nodes as the editor sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypeVar

import pytest

from graph_runtime import EditorDocument, Folders, Library, NodeId, Prompt, Range, Seed, Shown, Text, node
from graph_runtime.comfy import wire
from graph_runtime.comfy.schema import LARGEST, entry, object_info
from graph_runtime.sockets import socket
from tests.comfy.server.live import Client, talk
from tests.engine.apples import LIBRARY

T = TypeVar("T")


@dataclass(frozen=True)
class ControlNet:
    """A recipe."""


Image = NewType("Image", bytes)
EdgeMap = NewType("EdgeMap", Image)
Weight = NewType("Weight", float)


class Both(NamedTuple):
    """Two.

    Args:
        picture: The picture.
        names: Some names.
    """

    picture: EdgeMap
    names: list[str]


@node("Try Everything", category="tests/all")
def everything(
    image: Image,
    net: ControlNet,
    seed: Seed = 7,
    steps: Annotated[int, Range(1, 100)] = 20,
    guidance: Annotated[float, Range(0, 30, 0.1)] = 7.5,
    free: float = 0.5,
    kind: Literal["a", "b"] = "b",
    text: Annotated[str, Text()] = "",
    name: str = "x",
    on: bool = True,
    eta: float | None = None,
    mode: Literal["m", "n"] | None = None,
    maybe: bool | None = None,
    order: int | None = 3,
    mask: EdgeMap | None = None,
    *,
    id: NodeId,
    prompt: Prompt,
    document: EditorDocument,
) -> Both:
    """Take everything there is.

    And more than that.

    Args:
        image: The picture to look at.
        seed: Where to begin.
    """
    raise NotImplementedError


@node("Show Optional")
def show_optional(
    eta: float | None = None, mode: Literal["m"] | None = None, on: bool | None = None, text: str | None = None
) -> Shown:
    return Shown(text=(repr((eta, mode, on, text)),))


def described(function: Any, id: str) -> dict[str, Any]:
    library = Library.of("toys", function)
    return entry(library[id], "toys", Folders())  # type: ignore[return-value]


def test_everything_about_a_node() -> None:
    found = described(everything, "Everything")
    required = found["input"]["required"]
    assert required["image"] == ["IMAGE", {"tooltip": "The picture to look at."}]
    assert required["net"] == ["CONTROL_NET", {}]
    assert required["seed"][1] == {
        "default": 7, "min": 0, "max": 2**64 - 1, "step": 1, "control_after_generate": True,
        "tooltip": "Where to begin.",
    }  # fmt: skip
    assert required["steps"] == ["INT", {"default": 20, "min": 1, "max": 100, "step": 1}]
    assert required["guidance"] == ["FLOAT", {"default": 7.5, "min": 0, "max": 30, "step": 0.1, "round": 0.001}]
    assert (required["free"][1]["min"], required["free"][1]["max"]) == (-LARGEST, LARGEST)
    assert required["kind"] == [["a", "b"], {"default": "b"}]
    assert required["text"] == ["STRING", {"default": "", "multiline": True}]
    assert required["name"] == ["STRING", {"default": "x"}]
    assert required["on"] == ["BOOLEAN", {"default": True}]
    assert found["input"]["optional"] == {"mask": ["EDGE_MAP", {}]}
    assert found["input"]["hidden"] == {"id": "UNIQUE_ID", "prompt": "PROMPT", "document": "EXTRA_PNGINFO"}
    assert found["input_order"]["required"][:3] == ["image", "net", "seed"]
    assert (found["output"], found["output_is_list"], found["output_name"]) == (
        ["EDGE_MAP,IMAGE", "STRING"], [False, True], ["picture", "names"],
    )  # fmt: skip
    assert found["output_tooltips"] == ["The picture.", "Some names."]
    assert found["description"] == "Take everything there is.\n\nAnd more than that."
    assert (found["name"], found["display_name"], found["category"]) == ("Everything", "Try Everything", "tests/all")
    assert (found["python_module"], found["output_node"]) == ("custom_nodes.toys", False)


def test_what_may_be_left_empty_can_be_left_empty() -> None:
    required = described(everything, "Everything")["input"]["required"]
    assert required["eta"] == ["STRING", {"default": ""}]
    assert required["order"] == ["STRING", {"default": "3"}]
    assert required["mode"] == [["", "m", "n"], {"default": ""}]
    assert required["maybe"] == [["", "true", "false"], {"default": ""}]


def test_fresh_node_with_its_defaults_runs(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        for inputs, shown in (
            ({"eta": "", "mode": "", "on": "", "text": ""}, "(None, None, None, None)"),
            ({"eta": "0.5", "mode": "m", "on": "false", "text": "x"}, "(0.5, 'm', False, 'x')"),
        ):
            id = (await client.prompt({"1": ("ShowOptional", inputs)}))["prompt_id"]
            assert (await client.done(id))["outputs"]["1"] == {"text": [shown]}

    talk(tmp_path, conversation, library=Library.of("toys", show_optional))


@pytest.mark.parametrize(
    ("kind", "taken", "offered"),
    [
        (int, "INT", "INT,FLOAT"), (float, "FLOAT", "FLOAT"), (bool, "BOOLEAN", "BOOLEAN"), (str, "STRING", "STRING"),
        (object, "*", "*"), (T, "*", "*"),
        (Literal["a"], "COMBO", "COMBO,STRING"), (Image, "IMAGE", "IMAGE"), (EdgeMap, "EDGE_MAP", "EDGE_MAP,IMAGE"),
        (ControlNet, "CONTROL_NET", "CONTROL_NET"), (Weight, "WEIGHT", "WEIGHT,FLOAT"),
        (Image | ControlNet, "IMAGE,CONTROL_NET", "IMAGE,CONTROL_NET"), (list[Image], "IMAGE", "IMAGE"),
        (dict[str, object], "DICT", "DICT"), (Image | None, "IMAGE", "IMAGE"),
    ],
)  # fmt: skip
def test_words(kind: object, taken: str, offered: str) -> None:
    assert (wire.taken(socket(kind)), wire.offered(socket(kind))) == (taken, offered)


def test_sink_and_choices_of_files(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "b.txt").touch()
    found = object_info(LIBRARY, Folders(input=tmp_path / "input"))
    assert found["Tell"]["output_node"] is True
    assert found["ReadFile"]["input"] == {"required": {"name": [["b.txt"], {"default": "b.txt"}]}}


def test_every_node_of_the_toys_is_described(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        found = await client.get("/object_info")
        assert list(found) == list(LIBRARY)
        assert await client.get("/object_info/Tell") == {"Tell": found["Tell"]}

    talk(tmp_path, conversation)
