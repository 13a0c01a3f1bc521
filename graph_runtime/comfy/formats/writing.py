"""Writes a workflow as text: JSON in the API format, or in the editor's own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...declaration import Node
from ...errors import Problem, WorkflowError
from ...workflow import Workflow
from .drafting import to_document


def as_api(workflow: Workflow) -> str:
    """Write a workflow in the API format.

    Raises:
        WorkflowError: A node is malformed, or it holds a number that JSON does not know.
    """
    return _dumped(workflow.sound().to_json(), workflow.source)


def as_editor(workflow: Workflow, library: Mapping[str, Node]) -> str:
    """Write a workflow in the editor's own format: the document that it came with, or a new one.

    Raises:
        WorkflowError: A node is malformed, a link leads nowhere, or it holds a number that JSON does not know.
    """
    return _dumped(workflow.document or to_document(workflow.sound(), library), workflow.source)


def _dumped(data: Mapping[str, object], source: str) -> str:
    try:
        text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    except ValueError:
        message = "holds NaN or an infinite number, which editors do not read; needs finite numbers."
        raise WorkflowError([Problem("wrong_type", message)], source) from None
    except RecursionError:
        raise WorkflowError([Problem("unreadable", "is nested too deep to be written.")], source) from None
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = json.dumps(data, indent=2)  # half a character has no UTF-8, but an escape
    return text + "\n"
