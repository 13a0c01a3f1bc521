"""Reads the editor's own document as a workflow: what the editor itself would send to a server."""

from __future__ import annotations

from collections.abc import Mapping

from ...declaration import Node
from ...errors import Problem, WorkflowError
from ...step import Link
from ...workflow import NOTES, NodeCall, Note, Workflow
from .document import EditorNode, read_document
from .grouping import PREFIXES, ungrouped
from .origins import documented
from .spreading import BYPASSED, MUTED, Placed, Stored, spread_out
from .tracing import Origin, Tracer
from .widgets import widgets, wrapped

_NO_GROUP = "is a group node, but the file does not say what is in the group."


def from_document(document: Mapping[str, object], library: Mapping[str, Node], source: str = "") -> Workflow:
    """Read a document of the editor.

    Args:
        document: The document as JSON data; the workflow keeps it.
        library: The declarations, which say what the saved values of widgets belong to.
        source: Where it came from, for messages.

    Returns:
        The nodes that would run, with what the editor resolves resolved, and with what is malformed in the document
        among the problems.

    Raises:
        WorkflowError: No node in it runs, a sub-graph holds itself, or there are too many nodes.
    """
    file = read_document(ungrouped(document, library))
    layout = spread_out(file, source)
    tracer = Tracer(layout, library, source)
    nodes: dict[str, NodeCall] = {}
    problems = list(file.problems)
    for placed in layout.nodes.values():
        if tracer.is_virtual(placed.node) or placed.key in layout.insides or placed.node.mode in (MUTED, BYPASSED):
            continue
        nodes[placed.id] = NodeCall(placed.node.type, {}, placed.node.title)
        if placed.node.type.startswith(PREFIXES) and placed.node.type not in library:
            problems.append(Problem("unknown_node", _NO_GROUP, placed.id, placed.node.title, placed.node.type))
            continue
        try:
            nodes[placed.id] = _call(placed, library, tracer)
        except WorkflowError as error:
            problems += error.problems
    if not nodes and not problems:
        raise WorkflowError([Problem("no_nodes", "the workflow holds no node that runs.")], source)
    notes = {one.id: _note(one.node) for one in layout.nodes.values() if _is_note(one, tracer)}
    return documented(Workflow(nodes, source, problems=tuple(problems), notes=notes), document)


def _is_note(placed: Placed, tracer: Tracer) -> bool:
    """Tell whether a node holds words on the outermost canvas."""
    return placed.node.type in NOTES and tracer.is_virtual(placed.node) and not placed.scope.path


def _note(node: EditorNode) -> Note:
    saved = node.values[0] if isinstance(node.values, list) and node.values else ""
    return Note(node.title, saved if isinstance(saved, str) else "", node.type)


def inputs_of(placed: Placed, library: Mapping[str, Node], tracer: Tracer) -> dict[str, Origin | Stored]:
    """Find what stands on each input of a node: an output that feeds it, or a value and where the file keeps it.

    Raises:
        WorkflowError: The links that lead to it run in a circle.
    """
    item = placed.node
    saved = widgets(item, library.get(item.type))
    found: dict[str, Origin | Stored] = {one.name: Stored(one.value, placed, one.place, one.name) for one in saved}
    found |= placed.scope.overrides.get(item.id, {})
    for place, slot in enumerate(item.inputs):
        fed = tracer.feeding(placed, place) if slot.link else None
        if fed is not None:
            found[slot.name] = fed
    return found


def _call(placed: Placed, library: Mapping[str, Node], tracer: Tracer) -> NodeCall:
    item = placed.node
    inputs: dict[str, object] = {}
    for name, found in inputs_of(placed, library, tracer).items():
        inputs[name] = Link(found.node.id, found.slot) if isinstance(found, Origin) else wrapped(found.value)
    title = item.title or (library[item.type].title if item.type in library else "")
    return NodeCall(item.type, inputs, title, pack_of(item))


def pack_of(item: EditorNode) -> str:
    """The pack that has a node, as the file says it: a name of the registry, or owner/repository; "" for none."""
    names = (item.properties.get(key) for key in ("cnr_id", "aux_id"))
    return next((name for name in names if isinstance(name, str)), "")
