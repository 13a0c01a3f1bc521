"""Reads a workflow from whatever file holds one: JSON of either format, or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...api_format import content, from_json, loads
from ...declaration import Node
from ...errors import Problem, WorkflowError, listed, quoted, shown
from ...workflow import Workflow
from .document import is_editor_document
from .editor import from_document
from .limits import PictureError
from .metadata import HEAD, Format, picture_format, read_texts
from .origins import documented

_NAMES: Mapping[Format, str] = {"png": "PNG", "webp": "WebP", "jpeg": "JPEG"}


def read_any(path: Path, library: Mapping[str, Node]) -> Workflow:
    """Read a workflow file: JSON in the API format or in the editor's own, or a picture that carries a workflow.

    Args:
        path: The file; its content tells what it is, not its name.
        library: The declarations, which say what the values in an editor's document belong to.

    Returns:
        The workflow, with the editor's document where the file has one.

    Raises:
        WorkflowError: The file is not there, or holds no workflow; names everything that is wrong with it.
    """
    source = shown(str(path), 200)
    texts = _texts(path, source)
    if texts is None:
        return from_data(loads(content(path), source), library, source)
    return _from_texts(texts, library, source)


def is_picture(path: Path) -> bool:
    """Tell whether a file is a picture of a kind that can carry a workflow."""
    try:
        with path.open("rb") as file:
            return picture_format(file.read(HEAD)) is not None
    except (OSError, ValueError):
        return False


def from_data(data: object, library: Mapping[str, Node], source: str = "") -> Workflow:
    """Read a workflow from JSON data of either format.

    Args:
        data: The data: nodes by id, the same in `prompt` as a client sends it to a server, or an editor's document.
        library: The declarations.
        source: Where it came from, for messages.

    Raises:
        WorkflowError: It is no workflow.
    """
    if isinstance(data, dict) and is_editor_document(data):
        return from_document(data, library, source)
    if not isinstance(data, dict):
        return from_json(data, source)
    document = sent_document(data)
    if document and "prompt" not in data:
        return from_document(document, library, source)
    return documented(from_json(data, source), document)


def sent_document(data: Mapping[str, object]) -> Mapping[str, object]:
    """The editor's document beside a prompt, as clients send it or programs wrap it."""
    found: object = data
    for key in ("extra_data", "extra_pnginfo"):
        found = found.get(key, found) if isinstance(found, dict) else found
    document = found.get("workflow") if isinstance(found, dict) else None
    return document if isinstance(document, dict) and is_editor_document(document) else {}


def _texts(path: Path, source: str) -> dict[str, str] | None:
    """The texts of a picture; None where the file is none, or is not there."""
    format: Format | None = None
    try:
        with path.open("rb") as file:
            format = picture_format(file.read(HEAD))
            file.seek(0)
            return read_texts(file, format) if format is not None else None
    except PictureError as error:
        assert format is not None
        message = f"is a {_NAMES[format]} file, but its workflow cannot be read: {error}"
        raise WorkflowError([Problem("unreadable", message)], source) from None
    except (OSError, ValueError):
        return None


def _from_texts(texts: Mapping[str, str], library: Mapping[str, Node], source: str) -> Workflow:
    """Take the nodes from the prompt, which is what ran; from the editor's document where there is no prompt."""
    document = _document(texts, source)
    if "prompt" in texts:
        try:
            found = from_json(loads(texts["prompt"], source), source)
            return documented(found.sound() if document else found, document)
        except WorkflowError:
            if not document:
                raise
    if document:
        return from_document(document, library, source)
    others = f" It holds other texts: {listed(quoted(name) for name in texts)}." if texts else ""
    message = f"is a picture that carries no workflow; needs the texts prompt or workflow in its metadata.{others}"
    raise WorkflowError([Problem("unreadable", message)], source)


def _document(texts: Mapping[str, str], source: str) -> dict[str, object]:
    try:
        data = loads(texts.get("workflow", "null"), source)
    except WorkflowError:
        if "prompt" not in texts:
            raise
        return {}
    return data if isinstance(data, dict) and is_editor_document(data) else {}
