"""Workflows with nodes of packs, in the other formats."""

from __future__ import annotations

import pytest

from graph_runtime import Folders, Library, WorkflowError, join
from graph_runtime.api_format import from_json
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.scripting import to_python

NODES = {
    "1": {"class_type": "KitchenNumber", "inputs": {"value": 4}},
    "2": {"class_type": "KitchenAdd", "inputs": {"a": ["1", 0]}},
    "3": {"class_type": "KitchenNumber", "inputs": {"value": ["2", 0]}},
    "4": {"class_type": "KitchenShow", "inputs": {"what": ["3", 0]}},
}


def test_the_editors_format_and_back(shelf: Library) -> None:
    document = to_document(from_json(NODES), shelf)
    values = {node["type"] + str(node["id"]): node["widgets_values"] for node in document["nodes"]}
    assert values["KitchenNumber1"] == [4]
    assert values["KitchenAdd2"] == [1], "what has no widget takes no place; what is left out is what the pack proposes"
    assert values["KitchenNumber3"] == [3]
    back = from_document(document, shelf).to_json()
    assert back["2"]["inputs"] == {"a": ["1", 0], "b": 1}


def test_no_script_calls_a_class(shelf: Library, folders: Folders) -> None:
    graph = join(from_json(NODES), shelf, folders)
    with pytest.raises(WorkflowError, match="a script cannot call it"):
        to_python(graph, folders)
