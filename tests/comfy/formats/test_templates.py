"""Workflows that other people drew in the editor, as far as they are at hand.

They are large and not ours to ship: the variable TEMPLATES names a folder of them, such as the one in the package
`comfyui-workflow-templates`. What they taught is in the small files beside this test, which always run.
"""

import json
import os
from pathlib import Path

import pytest

from graph_runtime import Library
from graph_runtime.comfy.formats.document import is_editor_document
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.comfy.formats.writing import as_editor

FOLDER = os.environ.get("TEMPLATES", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="TEMPLATES names no folder with workflows of the editor")


@pytest.mark.parametrize("path", sorted(Path(FOLDER).glob("*.json")) if FOLDER else [], ids=lambda path: path.stem)
def test_a_template_is_read_kept_and_drawn_anew(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    if not is_editor_document(document):
        pytest.skip("it is no workflow")
    workflow = from_document(document, Library())
    assert json.dumps(json.loads(as_editor(workflow, Library()))) == json.dumps(document)
    again = from_document(to_document(workflow, Library()), Library())
    assert again.nodes == workflow.nodes
