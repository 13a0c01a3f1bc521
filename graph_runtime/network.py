"""Which node feeds which: the order in which sources come first, circles, and what lies upstream."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Problem, shown
from .step import Link
from .workflow import NodeCall, Workflow

if TYPE_CHECKING:
    import networkx as nx

_DRAWN = 12


def links(call: NodeCall) -> Iterable[Link]:
    """The links of a node."""
    return (value for value in call.inputs.values() if isinstance(value, Link))


@dataclass(frozen=True)
class Network:
    """The nodes of a workflow and the links among them; links to nodes that are not there are left out.

    Attributes:
        workflow: The workflow.
        sources: The nodes that feed each node, once for each link.
        order: The nodes, sources first; what lies in or behind a circle is not there.
    """

    workflow: Workflow
    sources: Mapping[str, Sequence[str]]
    order: Sequence[str]

    @classmethod
    def of(cls, workflow: Workflow) -> Network:
        """Read the links of a workflow."""
        nodes = workflow.nodes
        sources = {name: [link.node for link in links(call) if link.node in nodes] for name, call in nodes.items()}
        return cls(workflow, sources, _ordered(sources))

    def circles(self) -> list[tuple[str, ...]]:
        """One circle for each knot of nodes that feed each other; its first node stands at both ends."""
        if len(self.order) == len(self.sources):
            return []
        import networkx as nx  # takes as long as all else that a command needs to start, and few graphs have circles

        ordered = set(self.order)
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_edges_from((s, name) for name in self.sources if name not in ordered for s in self.sources[name])
        position = {name: place for place, name in enumerate(self.sources)}
        knots = (set(knot) for knot in nx.strongly_connected_components(graph))
        tied = [knot for knot in knots if len(knot) > 1 or graph.has_edge(*(2 * tuple(knot)))]
        return [_circle(min(knot, key=position.__getitem__), knot, graph) for knot in tied]

    def upstream(self, names: Iterable[str]) -> set[str]:
        """The given nodes and everything that feeds them."""
        return _spread(self.sources, names)

    def downstream(self, names: Iterable[str]) -> set[str]:
        """The given nodes and everything that they feed."""
        return _spread(_turned(self.sources), names)


def _circle(first: str, knot: set[str], graph: nx.DiGraph) -> tuple[str, ...]:
    """Walk within a knot until a node comes again."""
    path, place = [first], {first: 0}
    while True:
        following = next(name for name in graph.successors(path[-1]) if name in knot)
        if following in place:
            return (*path[place[following] :], following)
        place[following] = len(path)
        path.append(following)


def _spread(neighbours: Mapping[str, Sequence[str]], names: Iterable[str]) -> set[str]:
    seen = set(names)
    pending = list(seen)
    while pending:
        fresh = [name for name in neighbours[pending.pop()] if name not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return seen


def _turned(sources: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The nodes that each node feeds, once for each link."""
    fed: dict[str, list[str]] = {name: [] for name in sources}
    for name, found in sources.items():
        for source in found:
            fed[source].append(name)
    return fed


def _ordered(sources: Mapping[str, Sequence[str]]) -> list[str]:
    """Order nodes so that sources come first; of those whose turn it is, the first in the file goes first."""
    place = {name: position for position, name in enumerate(sources)}
    names = list(sources)
    waiting = {name: len(found) for name, found in sources.items()}
    fed = _turned(sources)
    ready = [place[name] for name in names if not waiting[name]]
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for consumer in fed[name]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                heapq.heappush(ready, place[consumer])
    return order


def circle_problem(circle: tuple[str, ...], workflow: Workflow) -> Problem:
    """Draw a circle with arrows; the middle of a long one is left out."""
    left_out = len(circle) - _DRAWN
    ends = circle if left_out <= 0 else (*circle[: _DRAWN // 2], *circle[-_DRAWN // 2 :])
    drawn = [f"{shown(name)} ({shown(workflow.nodes[name].class_type)})" for name in ends]
    if left_out > 0:
        drawn.insert(_DRAWN // 2, f"… {left_out} more …")
    message = f"the nodes feed each other in a circle: {' → '.join(drawn)}. One of these links has to go."
    call = workflow.nodes[circle[0]]
    return Problem("cycle", message, circle[0], call.title, call.class_type, details=(("cycle", circle),))
