"""Our nodes inside ComfyUI: a class for each of them, as ComfyUI wants it, made from the same schema as the editor's.

Ids and the words of our own types get a prefix: ComfyUI has nodes of the same ids, and its models are not our recipes.
Pictures, masks, latents and plain values are ComfyUI's own and keep their words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
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
from . import host
from .schema import entry
from .showing import output_of

PREFIX = "ControlGraph"
SHARED = frozenset({"IMAGE", "MASK", "LATENT", "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "*"})
"""Words of types whose values are the same in ComfyUI."""

Class = type[Any]  # a class as ComfyUI wants it: attributes that it looks up by name


def mappings(library: Library) -> tuple[dict[str, Class], dict[str, str]]:
    """Make what ComfyUI asks a pack for: its classes and their names for people, by id."""
    classes = {f"{PREFIX}{id}": _class(node, library) for id, node in library.items()}
    return classes, {f"{PREFIX}{id}": f"{node.title} ({PREFIX})" for id, node in library.items()}


def prefixed(word: str) -> str:
    """The word of a type as it is called in ComfyUI; of a set of words, each of them."""
    parts = (part.strip() for part in word.split(","))
    return ",".join(part if part in SHARED else f"CONTROLGRAPH_{part}" for part in parts)


def _class(node: Node, library: Library) -> Class:
    pack = library.pack(node.id)
    said = entry(node, pack.name, Folders())
    output_words, names = said["output"], said["output_name"]
    assert isinstance(output_words, list)
    body: dict[str, Any] = {
        "INPUT_TYPES": staticmethod(partial(_inputs, node, pack.name)),
        "RETURN_TYPES": tuple(prefixed(word) for word in output_words),
        "RETURN_NAMES": tuple(names) if isinstance(names, list) else (),
        "OUTPUT_IS_LIST": tuple(output.socket.is_list for output in node.outputs),
        "OUTPUT_TOOLTIPS": tuple(output.docs for output in node.outputs),
        "INPUT_IS_LIST": _takes_lists(node),
        "OUTPUT_NODE": node.sink,
        "CATEGORY": f"{PREFIX}/{node.category}",
        "DESCRIPTION": said["description"],
        "FUNCTION": "run",
        "run": _asynchronous(node, library) if node.is_async else _synchronous(node, library),
        "__module__": __name__,
    }
    if node.fingerprint is not None or not node.cached:
        body["IS_CHANGED"] = staticmethod(partial(_changed, node))
    return type(f"{PREFIX}{node.id}", (), body)


def _takes_lists(node: Node) -> bool:
    return any(one.socket.is_list for one in node.inputs.values())


def _inputs(node: Node, pack: str) -> dict[str, dict[str, Any]]:
    """What INPUT_TYPES gives: the sections of the schema with our words prefixed."""
    sections = entry(node, pack, host.folders())["input"]
    assert isinstance(sections, dict)
    found = {name: {key: _spec(spec) for key, spec in part.items()} for name, part in sections.items()}
    found["hidden"] = {**found.get("hidden", {}), "controlgraph_id": "UNIQUE_ID"}
    return found


def _spec(spec: object) -> object:
    if not isinstance(spec, list):
        return spec
    kind, options = spec
    return (prefixed(kind) if isinstance(kind, str) else kind, options)


def _synchronous(node: Node, library: Library) -> Callable[..., object]:
    def run(self: object, **given: Any) -> object:
        with _translated():
            arguments = _arguments(node, given)
            with library.pack(node.id).around(node):
                return _answer(node, node.function(**arguments), library)

    return run


def _asynchronous(node: Node, library: Library) -> Callable[..., object]:
    async def run(self: object, **given: Any) -> object:
        with _translated():
            arguments = _arguments(node, given)
            returned = node.function(**arguments)
            return _answer(node, await returned if inspect.isawaitable(returned) else returned, library)

    return run


@contextmanager
def _translated() -> Iterator[None]:
    """Let ComfyUI know its own words for a cancelled run, and the user the reason of a refusal."""
    try:
        yield
    except Interrupted:
        raise host.interruption() from None
    except NodeError as error:
        hint = f" Did you mean {error.nearest}?" if error.nearest else ""
        place = f"{error.input}: " if error.input else ""
        raise ValueError(f"{place}{error.message}{hint}") from error


def _arguments(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """Sort what ComfyUI hands over: the inputs, checked as ours are, and what is injected."""
    lists = _takes_lists(node)
    id = str(_lone(given.pop("controlgraph_id", ""), lists))
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
        arguments[name] = Lazy.of(value) if one.socket.lazy else value
    hidden = {kind: _lone(given.get(name), lists) for name, kind in node.injected.items()}
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
    """The one value where ComfyUI hands over lists."""
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


def _changed(node: Node, **given: Any) -> object:
    """What tells ComfyUI whether a node has to run again: the digest of the files it reads; NaN is never the same."""
    if node.fingerprint is None:
        return float("nan")
    known = {name: given.get(name, node.inputs[name].default) for name in node.fingerprint_inputs}
    if any(value is None or isinstance(value, list) for value in known.values()):
        return float("nan")
    return node.fingerprint(**known, **dict.fromkeys(node.fingerprint_injected, host.folders()))


def _answer(node: Node, returned: object, library: Library) -> object:
    """Write what a node gave as ComfyUI's nodes do."""
    if isinstance(returned, Blocked):
        return tuple(_value(returned) for _ in node.outputs)
    if isinstance(returned, Expand):
        return _expanded(node, returned, library)
    result = spread(node, returned)
    values = tuple(_value(value) for value in result.outputs)
    if result.shown is None:
        return values
    return {"ui": output_of(result.shown, host.folders()), "result": values}


def _value(value: object) -> object:
    if isinstance(value, Blocked):
        return host.blocker(value.message)
    return [_value(item) for item in value] if isinstance(value, list) else value


def _expanded(node: Node, returned: Expand[object], library: Library) -> dict[str, object]:
    """Write a sub-graph of our nodes as one of ComfyUI's."""
    nodes, prefix = returned.graph.workflow().nodes, host.prefix()

    def written(value: object) -> object:
        if isinstance(value, Link | Handle):
            if value.node not in nodes:
                return [value.node, value.output]
            return [prefix + value.node, _position(library[nodes[value.node].class_type], value.output)]
        return value.value if isinstance(value, Given) else value

    graph = {
        prefix + name: {
            "class_type": f"{PREFIX}{call.class_type}",
            "inputs": {key: written(value) for key, value in call.inputs.items()},
        }
        for name, call in nodes.items()
    }
    values = returned.values if node.named and isinstance(returned.values, tuple) else (returned.values,)
    return {"expand": graph, "result": tuple(written(value) for value in values)}


def _position(source: Node, output: int | str) -> int:
    return output if isinstance(output, int) else source.output_names.index(output)
