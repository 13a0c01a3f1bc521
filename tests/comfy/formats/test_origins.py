"""Where missing files can be had, as an editor's document says it."""

import json
from pathlib import Path
from typing import Annotated

import pytest

from graph_runtime import Choices, Folders, Library, NodeError, Shown, WorkflowError, join, node
from graph_runtime.comfy.formats.origins import origins_in
from graph_runtime.comfy.formats.reading import from_data, read_any
from graph_runtime.workflow import Origin
from tests.comfy.formats.toys import canvas, item


def find(name: str, folders: Folders) -> str:
    if name != "here.safetensors":
        raise NodeError(f"there is no {name}.", nearest="here.safetensors" if name.startswith("h") else "")
    return name


@node(id="Load")
def load(name: Annotated[str, Choices(lambda folders: ["here.safetensors"], open=True, find=find)]) -> str:
    """Load a file."""
    return name


@node(id="Patch")
def patch(
    text: str, name: Annotated[str, Choices(lambda folders: [], open=True, find=find)] = "here.safetensors"
) -> Shown[None]:
    """Patch what was loaded."""
    return Shown()


LIBRARY = Library.of("files", load, patch)

HERE = {"name": "h.safetensors", "url": "https://example.org/h", "directory": "checkpoints"}
SUMMED = {"name": "lora.safetensors", "url": "https://example.org/l", "hash": "ab12", "hash_type": "sha256"}


def document(*models: object) -> dict[str, object]:
    """Two nodes that name files, one behind the other; the first says where they are."""
    first = {**item(1, "Load", [], ["h.safetensors"]), "outputs": [{"name": "text", "type": "STRING", "links": [1]}]}
    inputs = [{"name": "text", "type": "STRING", "link": 1}]
    second = item(2, "Patch", inputs, ["", "sub\\LORA.safetensors"])
    first["properties"] = {"models": list(models)}
    return canvas(first, second, links=[[1, 1, 0, 2, 0, "STRING"]])


def told(data: object) -> list[str]:
    with pytest.raises(WorkflowError) as error:
        join(from_data(data, LIBRARY), LIBRARY)
    return [str(problem) for problem in error.value.problems]


def test_every_missing_file_is_told_with_its_address_at_once() -> None:
    """That of the second node too, though the first already keeps it from being computed."""
    first, second = told(document(HERE, SUMMED))
    assert (
        "input name: there is no h.safetensors. The workflow has it from https://example.org/h, for the folder "
        in first
    )
    assert first.endswith("checkpoints. Did you mean here.safetensors?")
    assert second.endswith("The workflow has it from https://example.org/l (SHA256 ab12).")


def test_without_an_address_nothing_is_said_of_one() -> None:
    assert told(document())[0].endswith("there is no h.safetensors. Did you mean here.safetensors?")


def test_the_document_beside_a_prompt_says_it_too() -> None:
    """As clients send it to a server."""
    prompt = {"1": {"class_type": "Load", "inputs": {"name": "h.safetensors"}},
              "2": {"class_type": "Patch", "inputs": {"text": ["1", 0]}}}  # fmt: skip
    body = {"prompt": prompt, "extra_data": {"extra_pnginfo": {"workflow": document(HERE)}}}
    assert "https://example.org/h" in told(body)[0]


def test_addresses_stand_in_sub_graphs_and_for_the_whole_file_too(tmp_path: Path) -> None:
    """Each is given once."""
    inner = {"id": "x", "nodes": [{"id": 1, "type": "Load", "properties": {"models": [SUMMED]}}], "links": []}
    whole = {**document(HERE), "models": [HERE], "definitions": {"subgraphs": [inner]}}
    assert origins_in(whole) == (
        Origin("h.safetensors", "https://example.org/h", "checkpoints"),
        Origin("lora.safetensors", "https://example.org/l", "", "ab12", "SHA256"),
    )
    (tmp_path / "w.json").write_text(json.dumps(document(HERE)))
    assert read_any(tmp_path / "w.json", LIBRARY).origins == origins_in(document(HERE))


@pytest.mark.parametrize("odd", [7, None, [], {}, {"name": 3, "url": "x"}, {"name": "a"}, {"name": "", "url": "x"}])
def test_what_is_malformed_is_passed_over(odd: object) -> None:
    assert origins_in(document(odd, HERE)) == origins_in(document(HERE))
    assert origins_in({"nodes": [odd], "models": odd, "definitions": odd}) == ()
