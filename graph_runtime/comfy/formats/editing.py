"""Changes values in an editor's document, each at the one place where the file keeps it; all else stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ...declaration import Node
from ...errors import Problem, WorkflowError, listed, quoted
from ...step import Link
from ...workflow import NodeCall, Workflow
from .document import read_document
from .editor import inputs_of
from .grouping import PREFIXES, ungrouped
from .spreading import Layout, Placed, Stored, spread_out
from .tracing import Tracer
from .widgets import unwrapped


def with_document(before: Workflow, after: Workflow, library: Mapping[str, Node]) -> Workflow:
    """Bring the document of a workflow up to values that were changed.

    Args:
        before: The workflow as its document says it.
        after: The same workflow with other values.
        library: The declarations.

    Returns:
        The changed workflow with a document that says the same; without a document it stays as it is.

    Raises:
        WorkflowError: The document keeps no value of its own for an input that was changed; names each of them.
    """
    changes = [
        (id, name, value) for id, call in after.nodes.items() for name, value in _changes(before.nodes.get(id), call)
    ]
    if not changes or not after.document:
        return after
    layout = spread_out(read_document(ungrouped(after.document, library)), after.source)
    tracer = Tracer(layout, library, after.source)
    running = [placed for placed in layout.nodes.values() if placed.id in after.nodes]
    stored = _stored(running, library, tracer)
    shared: dict[object, list[tuple[str, str]]] = {}
    for input, one in stored.items():
        shared.setdefault((one.owner.key, one.place), []).append(input)
    document = after.document
    problems: list[Problem] = []
    for id, name, value in changes:
        kept = stored.get((id, name))
        others = shared[kept.owner.key, kept.place] if kept is not None else []
        spoilt = [f"{one} {input}" for one, input in others if after.nodes[one].inputs.get(input) != value]
        problem = _reason_against(kept, layout) or (f"its value is that of {listed(spoilt)} too." if spoilt else "")
        if problem or not isinstance(kept, Stored):
            problems.append(Problem("refused", problem, id, after.nodes[id].title, after.nodes[id].class_type, name))
        else:
            document = _with_value(document, kept, unwrapped(value))
    if problems:
        raise WorkflowError(problems, after.source)
    return replace(after, document=document)


def _stored(nodes: Iterable[Placed], library: Mapping[str, Node], tracer: Tracer) -> dict[tuple[str, str], Stored]:
    """Where the document keeps the value of each input that has one, by the node's id and the input's name."""
    return {
        (placed.id, name): found
        for placed in nodes
        for name, found in inputs_of(placed, library, tracer).items()
        if isinstance(found, Stored)
    }


def _changes(before: NodeCall | None, after: NodeCall) -> Iterator[tuple[str, object]]:
    """The inputs whose values differ; whole numbers and others of the same size differ too."""
    for name, value in after.inputs.items():
        old = before.inputs.get(name) if before is not None else None
        if not isinstance(value, Link) and (old != value or type(old) is not type(value)):
            yield name, value


def _reason_against(kept: object, layout: Layout) -> str:
    """Why a value cannot be changed in the document; "" where it can."""
    host = kept.owner.scope.host if isinstance(kept, Stored) else None
    if not isinstance(kept, Stored) or (host is not None and host.node.type.startswith(PREFIXES)):
        return "the editor's document keeps no value for it."
    if host is None:
        return ""
    instances = sum(other.node.type == host.node.type for other in layout.nodes.values())
    if instances == 1:
        return ""
    name = kept.owner.scope.graph.name or host.node.type
    return f"its value belongs to the sub-graph {quoted(name)}, which stands there {instances} times."


def _with_value(document: Mapping[str, object], kept: Stored, value: object) -> dict[str, object]:
    """Copy what lies on the way to a value, and nothing else."""
    host = kept.owner.scope.host
    if host is None:
        return _with_node(document, kept, value)
    definitions = document["definitions"]
    assert isinstance(definitions, dict)
    graphs = [
        _with_node(graph, kept, value) if graph["id"] == host.node.type else graph for graph in definitions["subgraphs"]
    ]
    return {**document, "definitions": {**definitions, "subgraphs": graphs}}


def _with_node(graph: Mapping[str, object], kept: Stored, value: object) -> dict[str, object]:
    nodes = graph["nodes"]
    items = nodes if isinstance(nodes, list) else []
    return {**graph, "nodes": [_changed(item, kept, value) if _is(item, kept.owner) else item for item in items]}


def _is(item: object, owner: Placed) -> bool:
    return isinstance(item, dict) and str(item.get("id")) == owner.node.id


def _changed(item: Mapping[str, object], kept: Stored, value: object) -> dict[str, object]:
    values = item["widgets_values"]
    made: object
    if isinstance(values, list):
        made = [value if place == kept.place else old for place, old in enumerate(values)]
    else:
        assert isinstance(values, dict)
        made = {**values, str(kept.place): value}
    changed = {**item, "widgets_values": made}
    named = item.get("widgets_values_named")
    if isinstance(named, dict) and kept.name in named:
        changed["widgets_values_named"] = {**named, kept.name: value}
    return changed
