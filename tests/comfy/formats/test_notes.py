"""Notes: words for people beside the nodes, in both formats."""

import json

import pytest

from graph_runtime import Builder, WorkflowError, join
from graph_runtime.api_format import from_json
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.workflow import Note
from tests.comfy.formats.toys import LIBRARY, canvas, item

TEXT = "# Toys\n\nTwo lines."


def noted() -> Builder:
    builder = Builder()
    builder.note("Toys", TEXT)
    builder.add("Empty", id="7")
    return builder


def test_notes_come_back_from_json_and_are_no_nodes() -> None:
    workflow = noted().workflow()
    again = from_json(json.loads(json.dumps(workflow.to_json(notes=True))))
    assert again == workflow and again.notes == {"1": Note("Toys", TEXT)} and again.title == "Toys"
    assert list(again.nodes) == list(workflow.to_json()) == ["7"]


def test_a_builder_gives_a_note_an_id_of_its_own() -> None:
    builder = noted()
    builder.note("More", "")
    assert builder.add("Empty").node == "4" and list(builder.workflow().notes) == ["1", "3"]


def test_notes_come_back_from_the_editor() -> None:
    workflow = noted().workflow()
    document = to_document(workflow, LIBRARY)
    (note, *others) = sorted(document["nodes"], key=lambda node: node["pos"][1])  # type: ignore[arg-type,index,call-overload]
    assert note["type"] == "MarkdownNote" and note["title"] == "Toys" and note["widgets_values"] == [TEXT]
    assert all(note["pos"][1] + note["size"][1] < other["pos"][1] for other in others)
    assert document["last_node_id"] == 7
    assert from_document(document, LIBRARY).notes == workflow.notes


def test_a_note_that_a_pack_declares_is_a_node() -> None:
    """In the editor's document, as in the editor itself."""
    document = canvas(*[item(1, "Note", widgets_values=["words"]), item(2, "Empty")], links=[])
    assert list(from_document(document, {}).notes) == ["1"]
    assert from_document(document, {"Note": next(iter(LIBRARY.values()))}).notes == {}


@pytest.mark.parametrize("inputs", [{"text": 3}, {"text": ["1", 0]}, [], "text"])
def test_a_malformed_note_is_a_node_that_nobody_knows(inputs: object) -> None:
    workflow = from_json({"1": {"class_type": "Note", "inputs": inputs}, "2": {"class_type": "Empty"}})
    assert workflow.notes == ({"1": Note("", "", "Note")} if not isinstance(inputs, dict) else {})


def test_notes_alone_are_no_workflow() -> None:
    with pytest.raises(WorkflowError, match="notes and no nodes"):
        from_json({"1": {"class_type": "Note", "inputs": {"text": "a"}}})


def test_a_graph_with_notes_runs_without_them() -> None:
    assert "1" not in join(noted().workflow(), LIBRARY, targets=["7"]).steps
