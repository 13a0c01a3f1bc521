"""`comfy_execution.graph_utils`: builds the sub-graphs that take a node's place."""

from __future__ import annotations

from typing import Any

from ..calling import current
from .blocking import ExecutionBlocker

__all__ = ["ExecutionBlocker", "GraphBuilder", "Node", "add_graph_prefix", "is_link"]


def is_link(value: object) -> bool:
    """Tell whether a value is a link: a list of a node's id and an output's position."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    node, output = value
    return isinstance(node, str) and isinstance(output, int | float)


class Node:
    """A node of a sub-graph; a builder makes them.

    Args:
        id: Its id.
        class_type: The kind of node.
        inputs: Its values and links by name.
    """

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]) -> None:
        self.id = id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[object]:
        """A link to one of its outputs."""
        return [self.id, index]

    def set_input(self, key: str, value: object) -> None:
        """Set an input; None takes it away."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> object:
        """What stands on an input, or None."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        """Say at which node its progress is shown."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, object]:
        """Write it as prompts do."""
        shown = {} if self.override_display_id is None else {"override_display_id": self.override_display_id}
        return {"class_type": self.class_type, "inputs": self.inputs, **shown}


class GraphBuilder:
    """Collects the nodes of a sub-graph. Ids begin with a prefix that is the same each time the node runs.

    Args:
        prefix: What ids begin with; one for each builder of a call when left out.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = self.alloc_prefix() if prefix is None else prefix
        self.nodes: dict[str, Node] = {}
        self._next = 1

    @classmethod
    def alloc_prefix(
        cls, root: str | None = None, call_index: int | None = None, graph_index: int | None = None
    ) -> str:
        """Give a prefix that no other builder of the call has; the engine puts the id of the node before it."""
        index = next(current().graphs) if graph_index is None else graph_index
        return ".".join(str(part) for part in (root, call_index, f"~{index}") if part is not None) + "."

    def node(self, class_type: str, id: str | None = None, **kwargs: object) -> Node:
        """Add a node, or give the one that bears this id.

        Args:
            class_type: The kind of node.
            id: Its id behind the prefix; the next number when left out.
            kwargs: Its values and links.
        """
        if id is None:
            id = str(self._next)
            self._next += 1
        name = self.prefix + id
        if name not in self.nodes:
            self.nodes[name] = Node(name, class_type, dict(kwargs))
        return self.nodes[name]

    def lookup_node(self, id: str) -> Node | None:
        """The node that was added with this id, or None."""
        return self.nodes.get(self.prefix + id)

    def finalize(self) -> dict[str, dict[str, object]]:
        """Write the sub-graph as prompts are written."""
        return {id: node.serialize() for id, node in self.nodes.items()}

    def replace_node_output(self, node_id: str, index: int, new_value: object) -> None:
        """Put something else wherever an output of a node is linked; None takes the inputs away."""
        link = [self.prefix + node_id, index]
        for node in self.nodes.values():
            for name in [name for name, value in node.inputs.items() if value == link]:
                node.set_input(name, new_value)

    def remove_node(self, id: str) -> None:
        """Take a node out."""
        del self.nodes[self.prefix + id]


def add_graph_prefix(graph: dict[str, Any], outputs: Any, prefix: str) -> tuple[dict[str, Any], tuple[object, ...]]:
    """Put a prefix before all ids of a graph, in its links and in its outputs too."""

    def renamed(value: object) -> object:
        return [prefix + value[0], value[1]] if isinstance(value, list) and is_link(value) else value

    nodes = {
        prefix + id: {**node, "inputs": {name: renamed(value) for name, value in node.get("inputs", {}).items()}}
        for id, node in graph.items()
    }
    return nodes, tuple(renamed(value) for value in outputs)
