"""Reads the JSON of the API format into a `Workflow`.

The format is an object of nodes by id: `{"3": {"class_type": "...", "inputs": {"name": value or ["2", 0]},
"_meta": {"title": "..."}}}`, bare or inside `{"prompt": ...}`. A link names an output by position or by name. What
stands there as a node of the kind `MarkdownNote` or `Note` is no node but words for people, in its input `text`.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from .errors import Problem, WorkflowError, listed, nearest, quoted, shown, sized
from .step import Link
from .workflow import NOTES, NodeCall, Note, Workflow

LARGEST = 256 * 10**6
"""Bytes that a workflow file may hold: many times what 50,000 nodes take."""


def read(path: Path) -> Workflow:
    """Read a workflow file.

    Raises:
        WorkflowError: The file is not there, is no JSON, or is no workflow; names everything that is wrong with it.
    """
    return parse(content(path), shown(str(path), 200))


def content(path: Path) -> bytes:
    """Read all that a file holds.

    Raises:
        WorkflowError: It is not there, cannot be read, or holds more than a workflow ever does.
    """
    source = shown(str(path), 200)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except IsADirectoryError:
        raise WorkflowError([Problem("unreadable", _folder(path))], source) from None
    except FileNotFoundError:
        raise WorkflowError([Problem("unreadable", _not_there(path))], source) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise WorkflowError([Problem("unreadable", f"cannot be read: {reason}.")], source) from None
    if len(data) > LARGEST:
        raise WorkflowError([Problem("unreadable", f"holds more than {sized(LARGEST)}, so it is no workflow.")], source)
    return data


def parse(text: str | bytes, source: str = "") -> Workflow:
    """Read a workflow from JSON text.

    Args:
        text: The JSON; bytes are UTF-8, with or without a byte order mark.
        source: Where it came from, for messages.

    Raises:
        WorkflowError: It is no JSON, or no workflow.
    """
    return from_json(loads(text, source), source)


def from_json(data: object, source: str = "") -> Workflow:
    """Read a workflow from plain JSON data; nodes in it that are malformed hide no others.

    Returns:
        The workflow, with what is malformed in it among its problems.

    Raises:
        WorkflowError: It is no workflow.
    """
    if isinstance(data, dict) and isinstance(inner := data.get("prompt"), dict) and "class_type" not in inner:
        data = inner
    _must_be_api(data, source)
    assert isinstance(data, dict)
    twice = data.repeated if isinstance(data, _Object) else ()
    problems = [Problem("malformed_node", f"the id {quoted(name)} stands there twice.") for name in twice]
    notes = {name: note for name, item in data.items() if (note := _note(item)) is not None}
    nodes = {name: _node(name, item, problems) for name, item in data.items() if name not in notes}
    if not nodes:
        raise WorkflowError([Problem("no_nodes", "the workflow holds notes and no nodes.")], source)
    return Workflow(nodes, source, problems=tuple(problems), notes=notes)


def _note(item: object) -> Note | None:
    """Read a note; None where the item is none, or is malformed and told as a node."""
    kind = item.get("class_type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or kind not in NOTES:
        return None
    assert isinstance(item, dict)
    inputs, meta = item.get("inputs"), item.get("_meta")
    text = inputs.get("text", "") if isinstance(inputs, dict) else ""
    title = meta.get("title", "") if isinstance(meta, dict) else ""
    return Note(title, text, kind) if isinstance(text, str) and isinstance(title, str) else None


def _must_be_api(data: object, source: str) -> None:
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else quoted(data)
        raise WorkflowError([Problem("unreadable", f"found {found}, needs an object of nodes by id.")], source)
    if isinstance(data.get("nodes"), list):
        message = "is in the editor's own format, which holds a list of nodes; "
        message += "needs the API format (in the editor: Export (API))."
        raise WorkflowError([Problem("unreadable", message)], source)
    if not data:
        raise WorkflowError([Problem("no_nodes", "the workflow holds no nodes.")], source)


class _Object(dict[str, object]):
    """A JSON object that remembers which names stood in it more than once."""

    repeated: tuple[str, ...] = ()

    @staticmethod
    def of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Make a plain object, or one that remembers where there is something to remember."""
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        remembering = _Object(made)
        times = Counter(name for name, _ in pairs)
        remembering.repeated = tuple(name for name in made if times[name] > 1)
        return remembering


def loads(text: str | bytes, source: str = "") -> object:
    """Read JSON text; its objects remember the names that stand in them twice.

    Raises:
        WorkflowError: It is no JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_Object.of)
    except UnicodeDecodeError as error:
        message = f"is no text in UTF-8 (byte {error.start}), so it is no JSON; needs a workflow file."
    except json.JSONDecodeError as error:
        message = _no_json(error)
    except RecursionError:
        message = "is JSON nested too deep to be a workflow."
    except ValueError:
        message = "holds a number with too many digits."
    raise WorkflowError([Problem("unreadable", message)], source) from None


def _no_json(error: json.JSONDecodeError) -> str:
    """Say why text is no JSON; the end of a file that was cut off is told as such."""
    if not error.doc.strip():
        return "is empty; needs a workflow."
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        lines = error.doc.rstrip().count("\n") + 1
        return f"ends too early, in line {lines}: it is cut off, or brackets are not closed."
    return f"is no JSON: line {error.lineno}, column {error.colno}: {error.msg}."


def _node(name: str, item: object, problems: list[Problem]) -> NodeCall:
    def wrong(message: str, title: str = "", class_type: str = "", input: str = "") -> None:
        problems.append(Problem("malformed_node", message, name, title, class_type, input))

    if not isinstance(item, dict):
        wrong(f"found {quoted(item)}, needs an object with class_type and inputs.")
        return NodeCall("")
    meta = item.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    title = title if isinstance(title, str) else ""
    class_type = item.get("class_type")
    if not isinstance(class_type, str) or not class_type:
        found = "no class_type" if class_type is None else f"the class_type {quoted(class_type)}"
        wrong(f"found {found}, needs the name of a kind of node.", title)
        return NodeCall("", title=title)
    inputs = item.get("inputs", {})
    if not isinstance(inputs, dict):
        wrong(f"found inputs {quoted(inputs)}, needs an object of inputs by name.", title, class_type)
        return NodeCall(class_type, title=title)
    for key in item.repeated if isinstance(item, _Object) else ():
        wrong(f"{quoted(key)} stands there twice.", title, class_type)
    for key in inputs.repeated if isinstance(inputs, _Object) else ():
        wrong("stands there twice.", title, class_type, key)
    for key, value in inputs.items():
        for inner in value.repeated if isinstance(value, _Object) else ():
            wrong(f"holds {quoted(inner)} twice.", title, class_type, key)
    return NodeCall(class_type, {key: _link_or_value(value) for key, value in inputs.items()}, title, _pack(meta))


def _pack(meta: object) -> str:
    names = [meta.get(key) for key in ("cnr_id", "aux_id")] if isinstance(meta, dict) else []
    return next((name for name in names if isinstance(name, str)), "")


def _link_or_value(value: object) -> object:
    """A list of a node's id and an output's position or name is a link; anything else is a literal."""
    if isinstance(value, list) and len(value) == 2:
        node, output = value
        if isinstance(node, str) and isinstance(output, int | str) and not isinstance(output, bool):
            return Link(node, output)
    return value


def _folder(path: Path) -> str:
    names = _workflows_in(path)
    inside = f" In it: {listed((shown(name) for name in names), 4)}." if names else ""
    return f"is a directory, needs a workflow file.{inside}"


def _workflows_in(folder: Path) -> list[str]:
    """The names of the JSON files in a folder; none where it may not be read."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".json")
    except OSError:
        return []


def _not_there(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"is not there: there is no folder {shown(str(folder), 200)}."
    names = _workflows_in(folder)
    close = nearest(path.name, names)
    if close:
        return f"is not there. Did you mean {shown(str(folder / close), 200)}?"
    return "is not there." + (f" In that folder: {listed(names)}." if names else "")
