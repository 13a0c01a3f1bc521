"""The editor's description of a node, derived from its declaration: one entry of `/object_info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..declaration import MISSING, Input, Node
from ..injected import EditorDocument, Folders, NodeId, Prompt
from ..library import Library
from ..sockets import Range, Socket
from . import wire
from .formats.widgets import has_widget
from .packs.calling import Call, entered
from .packs.foreign import ForeignNode

Entry: TypeAlias = dict[str, object]

LARGEST = 2**53 - 1
"""The whole numbers that a browser tells apart end here; where a node sets no bounds, the widget's are these."""

_STEPS = {"INT": 1, "FLOAT": 0.01}
_EMPTY: Mapping[str, object] = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}
_HIDDEN = {Prompt: "PROMPT", EditorDocument: "EXTRA_PNGINFO", NodeId: "UNIQUE_ID"}


def object_info(library: Library, folders: Folders) -> dict[str, Entry]:
    """Describe all nodes, by id."""
    return {id: entry(library[id], library.pack(id).name, folders) for id in library}


def entry(node: Node, pack: str, folders: Folders) -> Entry:
    """Describe a node.

    Args:
        node: The node.
        pack: The name of its pack.
        folders: Where the files lie that it offers to choose from.
    """
    if isinstance(node, ForeignNode):
        with entered(Call(folders)):
            return node.entry(pack)
    sections = _sections(node, folders)
    return {
        "input": sections,
        "input_order": {name: list(section) for name, section in sections.items()},
        "output": [wire.offered(output.socket) for output in node.outputs],
        "output_is_list": [output.socket.is_list for output in node.outputs],
        "output_name": list(node.output_names),
        "output_tooltips": [output.docs or str(output.socket) for output in node.outputs],
        "name": node.id,
        "display_name": node.title,
        "description": "\n\n".join(text for text in (node.docs.summary, node.docs.details) if text),
        "python_module": f"custom_nodes.{pack}",
        "category": node.category or pack,
        "output_node": node.sink,
    }


def input_config(input: Input, folders: Folders) -> list[object]:
    """Describe an input as `[type, options]`."""
    options: Entry = {"tooltip": input.docs} if input.docs else {}
    if not has_widget(input):
        return [wire.taken(input.socket), options]
    names = _choices(input.socket, folders)
    if names is not None:
        return [names, _default(input, names[0] if names else None) | _upload(input.socket) | options]
    word = wire.widget(input.socket)
    return [word, _default(input, _EMPTY[word]) | _bounds(input.socket, word) | _editing(input.socket, word) | options]


def _sections(node: Node, folders: Folders) -> dict[str, dict[str, object]]:
    """The inputs by how they are shown: every widget stands in `required`, so that widgets keep their order."""
    required = {name: one for name, one in node.inputs.items() if one.required or has_widget(one)}
    sections: dict[str, dict[str, object]] = {
        "required": {name: input_config(one, folders) for name, one in required.items()},
        "optional": {name: input_config(one, folders) for name, one in node.inputs.items() if name not in required},
        "hidden": {name: _HIDDEN[kind] for name, kind in node.injected.items() if kind in _HIDDEN},
    }
    return {name: section for name, section in sections.items() if section or name == "required"}


def _choices(socket: Socket, folders: Folders) -> list[object] | None:
    """What there is to choose from; "" is to choose nothing."""
    empty: list[object] = [""] if socket.optional else []
    if socket.literals:
        return [*empty, *socket.literals]
    if socket.choices is None:
        return [*empty, "true", "false"] if wire.widget(socket) == "COMBO" else None
    try:
        return [*empty, *socket.choices.of(folders)]
    except Exception:  # a pack's own code: a folder that cannot be read leaves nothing to choose from
        return empty


def _default(input: Input, otherwise: object) -> Entry:
    default = otherwise if input.default is MISSING or input.default is None else input.default
    if input.socket.optional and not input.socket.literals:
        default = str(default)
    return {} if default is None else {"default": default}


def _bounds(socket: Socket, word: str) -> Entry:
    if word not in _STEPS:
        return {}
    bounds = socket.bounds or Range()
    low = -LARGEST if bounds.low is None else bounds.low
    high = LARGEST if bounds.high is None else bounds.high
    step = _STEPS[word] if bounds.step is None else bounds.step
    found: Entry = {"min": low, "max": high, "step": step}
    return found | ({"round": min(step, 0.001)} if word == "FLOAT" else {})


def _editing(socket: Socket, word: str) -> Entry:
    if word == "STRING" and socket.text is not None and socket.text.multiline:
        return {"multiline": True}
    return {"control_after_generate": True} if socket.fresh else {}


def _upload(socket: Socket) -> Entry:
    kind = socket.choices.upload if socket.choices is not None else ""
    return {f"{kind}_upload": True} if kind else {}
