"""Reads the editor's own document as a workflow: what the editor itself would send to a server."""

from __future__ import annotations

from collections.abc import Mapping

from ...declaration import Node
from ...errors import Problem, WorkflowError
from ...step import Link
from ...workflow import NodeCall, Workflow
from .document import EditorNode, read_document
from .spreading import BYPASSED, MUTED, Placed, spread_out
from .tracing import Origin, Tracer, Value
from .widgets import values, wrapped


def from_document(document: Mapping[str, object], library: Mapping[str, Node], source: str = "") -> Workflow:
    """Read a document of the editor.

    Args:
        document: The document as JSON data; the workflow keeps it.
        library: The declarations, which say what the saved values of widgets belong to.
        source: Where it came from, for messages.

    Returns:
        The nodes that would run, with what the editor resolves resolved.

    Raises:
        WorkflowError: It is no document of the editor; names everything that is wrong with it.
    """
    file = read_document(document, source)
    layout = spread_out(file, source)
    tracer = Tracer(layout, library, source)
    nodes: dict[str, NodeCall] = {}
    problems: list[Problem] = []
    for placed in layout.nodes.values():
        node = placed.node
        if node.mode in (MUTED, BYPASSED) or placed.key in layout.insides or tracer.is_virtual(node):
            continue
        try:
            nodes[placed.id] = _call(placed, library.get(node.type), tracer)
        except WorkflowError as error:
            problems += error.problems
    if not nodes and not problems:
        problems = [Problem("no_nodes", "the workflow holds no node that runs.")]
    if problems:
        raise WorkflowError(problems, source)
    return Workflow(nodes, source, document)


def _call(placed: Placed, node: Node | None, tracer: Tracer) -> NodeCall:
    item = placed.node
    inputs = {name: wrapped(value) for name, value in values(item, node).items()}
    for name, value in placed.scope.overrides.get(item.id, {}).items():
        inputs[name] = wrapped(value)
    for place, slot in enumerate(item.inputs):
        if not slot.link:
            continue
        found = tracer.feeding(placed, place)
        if isinstance(found, Origin):
            inputs[slot.name] = Link(found.node.id, found.slot)
        elif isinstance(found, Value):
            inputs[slot.name] = wrapped(found.value)
    title = item.title or (node.title if node is not None else "")
    return NodeCall(item.type, inputs, title, pack_of(item))


def pack_of(item: EditorNode) -> str:
    """The pack that has a node, as the file says it: a name of the registry, or owner/repository; "" for none."""
    names = (item.properties.get(key) for key in ("cnr_id", "aux_id"))
    return next((name for name in names if isinstance(name, str)), "")
