"""Workflows that other people drew in the editor: those of ComfyUI's own package, where it is installed.

They are large and not ours to ship; the variable TEMPLATES may name another folder of them. What they taught is in the
small files beside this test, which always run.
"""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from graph_runtime import Library
from graph_runtime.comfy.formats.document import is_editor_document
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.comfy.formats.writing import as_editor

PACKAGE = importlib.util.find_spec("comfyui_workflow_templates")
INSTALLED = Path(PACKAGE.origin).parent / "templates" if PACKAGE and PACKAGE.origin else None
FOLDER = Path(os.environ["TEMPLATES"]) if "TEMPLATES" in os.environ else INSTALLED
FILES = [path for path in sorted(FOLDER.glob("*.json")) if not path.stem.startswith("index")] if FOLDER else []
pytestmark = pytest.mark.skipif(not FILES, reason="comfyui-workflow-templates is not installed")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_template_is_read_kept_and_drawn_anew(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert is_editor_document(document)
    workflow = from_document(document, Library())
    assert json.dumps(json.loads(as_editor(workflow, Library()))) == json.dumps(document)
    again = from_document(to_document(workflow, Library()), Library())
    assert again.nodes == workflow.nodes
