"""Our nodes as classes in ComfyUI's way, made from the same schema as the editor's."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..builder import Given, Handle
from ..calls import spread
from ..declaration import MISSING, Node
from ..errors import Interrupted, NodeError
from ..injected import EditorDocument, Folders, NodeId, Progress, Prompt, Surroundings, injection
from ..library import Library
from ..literals import Misfit, coerce, takes_literals
from ..results import Blocked, Expand, Lazy
from ..step import Link
from .host import Host
from .schema import entry
from .showing import output_of

Class = type[Any]  # a class as ComfyUI wants it: attributes that it looks up by name

ID = "controlgraph_id"
"""The hidden input of each class that bears the id of the node."""

_HIDDEN = {"PROMPT": (Prompt, "prompt"), "EXTRA_PNGINFO": (EditorDocument, "extra_pnginfo")}
"""Hidden inputs by their words, with the names that ComfyUI's own nodes give them."""


def class_of(node: Node, library: Library, host: Host) -> Class:
    """Make the class of a node.

    Args:
        node: The node.
        library: Where it comes from.
        host: Whoever calls it.
    """
    said = entry(node, library.pack(node.id).name, Folders())
    output_words, names = said["output"], said["output_name"]
    assert isinstance(output_words, list)
    method = host.methods.get(node.id, "run")
    make = _asynchronous if node.is_async else _synchronous
    body: dict[str, Any] = {
        "INPUT_TYPES": staticmethod(partial(_inputs, node, library, host)),
        "RETURN_TYPES": tuple(host.word(word) for word in output_words),
        "RETURN_NAMES": tuple(names) if isinstance(names, list) else (),
        "OUTPUT_IS_LIST": tuple(output.socket.is_list for output in node.outputs),
        "OUTPUT_TOOLTIPS": tuple(output.docs for output in node.outputs),
        "INPUT_IS_LIST": _takes_lists(node),
        "OUTPUT_NODE": node.sink,
        "CATEGORY": f"ControlGraph/{node.category}",
        "DESCRIPTION": said["description"],
        "VALIDATE_INPUTS": staticmethod(partial(_validated, node, host)),
        "FUNCTION": method,
        method: make(node, library, host),
        "__module__": __name__,
    }
    if node.fingerprint is not None or not node.cached:
        body["IS_CHANGED"] = staticmethod(partial(_changed, node, host))
    return type(host.id(node.id), (), body)


def _takes_lists(node: Node) -> bool:
    return any(one.socket.is_list for one in node.inputs.values())


def _hidden(node: Node) -> dict[str, tuple[object, str]]:
    """The hidden inputs of a class by name: what is handed in, and the word for it."""
    wanted = set(node.injected.values())
    return {name: (kind, word) for word, (kind, name) in _HIDDEN.items() if kind in wanted and name not in node.inputs}


def _inputs(node: Node, library: Library, host: Host) -> dict[str, dict[str, Any]]:
    """What INPUT_TYPES gives: the sections of the schema with words as the host knows them."""
    sections = entry(node, library.pack(node.id).name, host.folders())["input"]
    assert isinstance(sections, dict)
    found = {name: {key: _spec(spec, host) for key, spec in part.items()} for name, part in sections.items()}
    found["hidden"] = {**{name: word for name, (_, word) in _hidden(node).items()}, ID: "UNIQUE_ID"}
    return found


def _spec(spec: object, host: Host) -> object:
    if not isinstance(spec, list):
        return spec
    kind, options = spec
    return (host.word(kind) if isinstance(kind, str) else kind, options)


def _synchronous(node: Node, library: Library, host: Host) -> Callable[..., object]:
    def run(self: object, *places: Any, **given: Any) -> object:
        with _translated(host):
            arguments = _arguments(node, _named(node, places, given, host), host)
            with library.pack(node.id).around(node):
                return _answer(node, node.function(**arguments), library, host)

    return run


def _asynchronous(node: Node, library: Library, host: Host) -> Callable[..., object]:
    async def run(self: object, *places: Any, **given: Any) -> object:
        with _translated(host):
            arguments = _arguments(node, _named(node, places, given, host), host)
            returned = node.function(**arguments)
            returned = await returned if inspect.isawaitable(returned) else returned
            return await asyncio.to_thread(_answer, node, returned, library, host)

    return run


def _named(node: Node, places: tuple[Any, ...], given: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """Arguments by name: whoever calls these classes, or derives from them, may give them by position."""
    names = dict.fromkeys([*host.orders.get(node.id, ()), *node.inputs, "prompt", "extra_pnginfo"])
    return {**dict(zip(names, places, strict=False)), **given}


@contextmanager
def _translated(host: Host) -> Iterator[None]:
    """Let the host know its own words for a cancelled run, and the user the reason of a refusal."""
    try:
        yield
    except Interrupted:
        raise host.interruption() from None
    except NodeError as error:
        raise ValueError(_words(error)) from error


def _words(error: NodeError) -> str:
    hint = f" Did you mean {error.nearest}?" if error.nearest else ""
    place = f"{error.input}: " if error.input else ""
    return f"{place}{error.message}{hint}"


def _arguments(node: Node, given: dict[str, Any], host: Host) -> dict[str, Any]:
    """Sort what the host hands over: the inputs, checked as ours are, and what is injected."""
    lists = _takes_lists(node)
    id = str(_lone(given.pop(ID, ""), lists))
    folders = host.folders()
    arguments: dict[str, Any] = {}
    for name, one in node.inputs.items():
        value = given.get(name, [] if lists else MISSING)
        if lists and not one.socket.is_list:
            value = _lone(value, lists)
        if value is MISSING or (value == [] and lists):
            value = one.default
        elif takes_literals(one.socket) and _is_json(value):
            value = _checked(name, value, one.socket, folders)
        else:
            value = [host.take(item) for item in value] if one.socket.is_list else host.take(value)
        arguments[name] = Lazy.of(value) if one.socket.lazy else value
    hidden = {kind: _lone(given.get(name), lists) for name, (kind, _) in _hidden(node).items()}
    values: dict[object, object] = {
        Progress: host.progress(),
        Folders: folders,
        NodeId: id,
        Prompt: hidden.get(Prompt) or {},
        EditorDocument: (hidden.get(EditorDocument) or {}).get("workflow") or {},
        Surroundings: Surroundings({}, {}),
    }
    return arguments | injection(node.injected, values, host.service)


def _lone(value: Any, lists: bool) -> Any:
    """The one value where the host hands over lists."""
    if not lists or not isinstance(value, list):
        return value
    return value[0] if value else MISSING


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _checked(name: str, value: object, socket: Any, folders: Folders) -> object:
    try:
        return coerce(value, socket, folders)
    except Misfit as misfit:
        problem = misfit.problem(name)
        raise NodeError(problem.message, input=name, nearest=problem.nearest) from None


def _validated(node: Node, host: Host, **given: Any) -> bool | str:
    """Check the values of a workflow before the run, and look whether the files are there that they name.

    What comes over links is None here. Taking any name, it stands in for ComfyUI's own checks, which know no names
    beside those in a list.
    """
    lists, folders = _takes_lists(node), host.folders()
    try:
        for name, one in node.inputs.items():
            value = _lone(given.get(name), lists)
            if value is not None and value is not MISSING and takes_literals(one.socket) and _is_json(value):
                _checked(name, value, one.socket, folders)
        _changed(node, host, **given)
    except NodeError as error:
        return _words(error)
    return True


def _changed(node: Node, host: Host, **given: Any) -> object:
    """What tells whether a node has to run again: the digest of the files it reads; NaN is never the same."""
    if node.fingerprint is None:
        return float("nan")
    lists = _takes_lists(node)
    known = {name: _lone(given.get(name, node.inputs[name].default), lists) for name in node.fingerprint_inputs}
    if any(value is None or isinstance(value, list) for value in known.values()):
        return float("nan")
    return node.fingerprint(**known, **dict.fromkeys(node.fingerprint_injected, host.folders()))


def _answer(node: Node, returned: object, library: Library, host: Host) -> object:
    """Write what a node gave as ComfyUI's nodes do."""
    if isinstance(returned, Blocked):
        return tuple(_value(returned, host) for _ in node.outputs)
    if isinstance(returned, Expand):
        return _expanded(node, returned, library, host)
    result = spread(node, returned)
    values = tuple(_value(value, host) for value in result.outputs)
    if result.shown is None:
        return values
    return {"ui": output_of(result.shown, host.folders()), "result": values}


def _value(value: object, host: Host) -> object:
    if isinstance(value, Blocked):
        return host.blocker(value.message)
    return [_value(item, host) for item in value] if isinstance(value, list) else host.hand(value)


def _expanded(node: Node, returned: Expand[object], library: Library, host: Host) -> dict[str, object]:
    """Write a sub-graph of our nodes as one of the host's."""
    nodes, prefix = returned.graph.workflow().nodes, host.prefix()

    def written(value: object) -> object:
        if isinstance(value, Link | Handle):
            if value.node not in nodes:
                return [value.node, value.output]
            return [prefix + value.node, _position(library[nodes[value.node].class_type], value.output)]
        return value.value if isinstance(value, Given) else value

    graph = {
        prefix + name: {
            "class_type": host.id(call.class_type),
            "inputs": {key: written(value) for key, value in call.inputs.items()},
        }
        for name, call in nodes.items()
    }
    values = returned.values if node.named and isinstance(returned.values, tuple) else (returned.values,)
    return {"expand": graph, "result": tuple(written(value) for value in values)}


def _position(source: Node, output: int | str) -> int:
    return output if isinstance(output, int) else source.output_names.index(output)
