"""Which node feeds which: the order in which sources come first, circles, and what lies upstream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import networkx as nx

from .errors import Problem, shown
from .step import Link
from .workflow import NodeCall, Workflow

_DRAWN = 12


def links(call: NodeCall) -> Iterable[Link]:
    """The links of a node."""
    return (value for value in call.inputs.values() if isinstance(value, Link))


@dataclass(frozen=True)
class Network:
    """The nodes of a workflow and the links among them; links to nodes that are not there are left out."""

    workflow: Workflow
    graph: nx.DiGraph

    @classmethod
    def of(cls, workflow: Workflow) -> Network:
        """Read the links of a workflow."""
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(workflow.nodes)
        for name, call in workflow.nodes.items():
            graph.add_edges_from((link.node, name) for link in links(call) if link.node in workflow.nodes)
        return cls(workflow, graph)

    def circles(self) -> list[tuple[str, ...]]:
        """One circle for each knot of nodes that feed each other; its first node stands at both ends."""
        knots = (set(knot) for knot in nx.strongly_connected_components(self.graph))
        return [self._circle(knot) for knot in knots if len(knot) > 1 or self.graph.has_edge(*(2 * tuple(knot)))]

    def _circle(self, knot: set[str]) -> tuple[str, ...]:
        """Walk within a knot until a node comes again."""
        path = [next(name for name in self.workflow.nodes if name in knot)]
        place = {path[0]: 0}
        while True:
            following = next(name for name in self.graph.successors(path[-1]) if name in knot)
            if following in place:
                return (*path[place[following] :], following)
            place[following] = len(path)
            path.append(following)

    def order(self, circles: Iterable[tuple[str, ...]]) -> list[str]:
        """Order the nodes so that sources come first; what lies in or behind a circle is left out."""
        behind = self.downstream(name for circle in circles for name in circle)
        rest = self.graph.subgraph(name for name in self.graph if name not in behind) if behind else self.graph
        position = {name: place for place, name in enumerate(self.workflow.nodes)}
        return list(nx.lexicographical_topological_sort(rest, key=position.__getitem__))

    def upstream(self, names: Iterable[str]) -> set[str]:
        """The given nodes and everything that feeds them."""
        return _spread(self.graph.predecessors, names)

    def downstream(self, names: Iterable[str]) -> set[str]:
        """The given nodes and everything that they feed."""
        return _spread(self.graph.successors, names)


def _spread(neighbours: Callable[[str], Iterable[str]], names: Iterable[str]) -> set[str]:
    seen = set(names)
    pending = list(seen)
    while pending:
        fresh = [name for name in neighbours(pending.pop()) if name not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return seen


def circle_problem(circle: tuple[str, ...], workflow: Workflow) -> Problem:
    """Draw a circle with arrows; the middle of a long one is left out."""
    drawn = [f"{shown(name)} ({shown(workflow.nodes[name].class_type)})" for name in circle]
    if len(drawn) > _DRAWN:
        drawn = [*drawn[: _DRAWN // 2], f"… {len(drawn) - _DRAWN} more …", *drawn[-_DRAWN // 2 :]]
    message = f"the nodes feed each other in a circle: {' → '.join(drawn)}. One of these links has to go."
    call = workflow.nodes[circle[0]]
    return Problem("cycle", message, circle[0], call.title, call.class_type, details=(("cycle", circle),))
