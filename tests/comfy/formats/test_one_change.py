"""Whatever one value of whatever file of the editor is changed, nothing else in the file changes."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from graph_runtime import Library, NodeCall, WorkflowError
from graph_runtime.comfy.formats.document import is_editor_document
from graph_runtime.comfy.formats.editing import with_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.step import Link

HERE = Path(__file__).parent / "files"
PACKAGE = importlib.util.find_spec("comfyui_workflow_templates")
OTHERS = Path(PACKAGE.origin).parent / "templates" if PACKAGE is not None and PACKAGE.origin else HERE
FILES = [*sorted(HERE.glob("*.json")), *sorted(OTHERS.glob("*.json"))]
NEW = "a value that stands in no file"


def documents() -> list[Path]:
    return [path for path in FILES if is_editor_document(json.loads(path.read_text(encoding="utf-8")))]


def differences(before: object, after: object, place: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The places at which two pieces of JSON data differ."""
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        for name in before:
            yield from differences(before[name], after[name], (*place, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, (*place, at))
    elif json.dumps(before) != json.dumps(after):
        yield place


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(documents()), st.data())
def test_only_the_places_that_keep_a_value_change(path: Path, data: st.DataObject) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    before = from_document(document, Library())
    values = [
        (id, name) for id, call in before.nodes.items() for name, value in call.inputs.items()
        if not isinstance(value, Link)
    ]  # fmt: skip
    if not values:
        return
    id, name = data.draw(st.sampled_from(values))
    call = before.nodes[id]
    changed = NodeCall(call.class_type, {**call.inputs, name: NEW}, call.title, call.pack)
    after = replace(before, nodes={**before.nodes, id: changed})
    try:
        made = with_document(before, after, Library())
    except WorkflowError as error:
        assert error.problems[0].input == name  # a value that several instances of a sub-graph share
        return
    places = list(differences(document, made.document))
    assert places and all("widgets_values" in place or "widgets_values_named" in place for place in places)
    assert len(places) <= 2  # by position, and by name where the file has both
    again = from_document(made.document, Library())
    assert again.nodes[id].inputs[name] == NEW
    assert {one: node.inputs for one, node in again.nodes.items() if one != id} == {
        one: node.inputs for one, node in before.nodes.items() if one != id
    }
