"""What comes out of a pack's function: values, something to show, a sub-graph, a block."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...builder import Builder, Given, Handle
from ...declaration import Node
from ...errors import NodeError
from ...guises import Guise
from ...injected import Folders
from ...results import Blocked, Expand, Shown, ShownFile
from ...step import Link
from ...workflow import NodeCall
from .arguments import copy_of
from .foreign import plain
from .shims.blocking import ExecutionBlocker
from .shims.graph_utils import is_link

_KINDS = ("input", "output", "temp")
_PARTS = frozenset({"ui", "result", "expand"})
_MEDIA = {"images": "image/png", "video": "video/mp4", "audio": "audio/flac", "gifs": "image/gif", "3d": "model/3d"}
"""What kind of file is named where its own name does not tell."""


class Returning:
    """Sorts what the function of a node returned.

    Args:
        node: The node.
        guises: How values of other packs look to it.
        folders: Where the files lie that it shows.
        copied: Whether tensors are copied, since the pack may hold on to them.
    """

    def __init__(self, node: Node, guises: Sequence[Guise], folders: Folders, copied: bool) -> None:
        self._node = node
        self._guises = guises
        self._folders = folders
        self._copied = copied

    def __call__(self, returned: Any) -> object:
        """Give what the engine takes.

        Raises:
            NodeError: It is none of what a function may return.
        """
        if isinstance(returned, ExecutionBlocker):
            return Blocked(returned.message or "")
        parts = returned if isinstance(returned, dict) and (not returned or returned.keys() & _PARTS) else None
        if parts is None:
            return self._answer(returned, None)
        if parts.get("expand"):
            ui = parts.get("ui")
            told = shown(ui, None, self._folders) if ui else None
            return replace(self._expanded(parts["expand"], parts.get("result", ())), shown=told)
        result = parts.get("result")
        if isinstance(result, ExecutionBlocker):
            return Blocked(result.message or "")
        return self._answer(result, parts.get("ui"))

    def _answer(self, result: Any, ui: Any) -> object:
        values = self._values(result)
        if not self._node.sink and not ui:
            return values
        return shown(ui or {}, values, self._folders)

    def _values(self, result: Any) -> tuple[object, ...] | object:
        names = self._node.output_names
        if result is None and names:
            name = self._node.title
            return tuple(Blocked(f"{name} gave no value for {label}.") for label in names)
        if not isinstance(result, list | tuple):
            return () if not names else result
        if len(result) != len(names):
            return tuple(result)
        outputs = zip(self._node.outputs, result, strict=True)
        return tuple(self._spread(value) if output.socket.is_list else self.taken(value) for output, value in outputs)

    def _spread(self, value: Any) -> object:
        if isinstance(value, ExecutionBlocker):
            return self.taken(value)
        return [self.taken(item) for item in value] if isinstance(value, list | tuple) else value

    def taken(self, value: Any) -> object:
        """Take one value back out of the guise that packs know."""
        if isinstance(value, ExecutionBlocker):
            return Blocked(value.message or "")
        for guise in self._guises:
            if guise.recognises(value):
                return guise.take(value)
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
            return value.item()
        return copy_of(value) if self._copied else value

    def _expanded(self, graph: Any, result: Any) -> Expand[object]:
        """Read a sub-graph, and which of its outputs stand for the node's."""
        if not isinstance(graph, Mapping):
            raise NodeError(f"its sub-graph is a {type(graph).__name__}, needs a dict of nodes by id.")
        calls = {str(id): self._call(str(id), item) for id, item in graph.items()}
        result = result if isinstance(result, list | tuple) else (result,)
        values = tuple(Handle(one[0], int(one[1])) if is_link(one) else self.taken(one) for one in result)
        return Expand(Builder(calls), values)

    def _call(self, id: str, item: Any) -> NodeCall:
        if not isinstance(item, Mapping) or not isinstance(item.get("class_type"), str):
            raise NodeError(f"node {id} of its sub-graph has no class_type.")
        inputs = {str(name): self._input(value) for name, value in dict(item.get("inputs") or {}).items()}
        return NodeCall(item["class_type"], inputs, display=str(item.get("override_display_id") or ""))

    def _input(self, value: Any) -> object:
        if is_link(value):
            return Link(value[0], int(value[1]))
        value = self.taken(value)
        return value if value is None or isinstance(value, str | int | float | bool) else Given(value)


def shown(ui: Any, values: object, folders: Folders) -> Shown[object]:
    """Make what the editor shows of a pack's `ui`: lists by name, files among them by folder and name."""
    if not isinstance(ui, Mapping):
        ui = ui.as_dict() if hasattr(ui, "as_dict") else {}
    extra = {str(name): plain(value) for name, value in ui.items()}
    text = tuple(line for line in _list(extra.get("text")) if isinstance(line, str))
    files = (_file(item, name, folders) for name in extra for item in _list(extra[name]))
    return Shown(tuple(file for file in files if file is not None), text, values, extra)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _file(item: Any, section: str, folders: Folders) -> ShownFile | None:
    """The file that an item of `ui` names; None where it names none inside the folders."""
    if not isinstance(item, Mapping) or not isinstance(item.get("filename"), str) or item.get("type") not in _KINDS:
        return None
    root: Path = getattr(folders, item["type"])
    path = root / str(item.get("subfolder") or "") / item["filename"]
    if not path.resolve().is_relative_to(root.resolve()):
        return None
    told = mimetypes.guess_type(path.name)[0]
    return ShownFile(path, item["type"], told or _MEDIA.get(section, "application/octet-stream"))
