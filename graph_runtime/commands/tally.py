"""Counts what became of each node of a workflow in a run; the counts add up to all of them."""

from __future__ import annotations

from ..events import Event, NodeFinished, NodeSkipped, NodeStarted, RunStarted
from ..executor import Outcome
from ..graph import Graph
from .telling import shares


class Tally:
    """Notes which nodes a run needed, and which of them have a result."""

    def __init__(self) -> None:
        self._needed: set[str] = set()
        self._finished: set[str] = set()

    def take(self, event: Event) -> None:
        """Note what an event says of nodes."""
        match event:
            case RunStarted():
                self._needed.update(event.runs, event.reused)
            case NodeStarted() | NodeSkipped():
                self._needed.add(event.node)
            case NodeFinished():
                self._finished.add(event.node)

    def shares(self, outcome: Outcome, graph: Graph) -> list[str]:
        """Tell how many nodes ran, and what became of the others; nodes inside of sub-graphs are told apart.

        Args:
            outcome: How the run ended.
            graph: What ran; each node of its workflow counts once.
        """
        nodes = set(graph.workflow.nodes)
        ran = nodes.intersection(outcome.timings)
        failed = nodes.intersection(outcome.failures)
        reused = nodes.intersection(outcome.reused)
        known = {id for id in reused if id in graph.steps and graph.steps[id].known is not None}
        alike = (self._finished & nodes) - ran - reused
        left = (self._needed & nodes) - ran - failed - reused - alike
        idle = nodes - ran - failed - reused - alike - left
        parts = shares(graph, len(ran), len(reused - known), len(known))
        if inside := len(outcome.timings) - len(ran):
            parts.insert(1, f"{inside:,} inside of them")
        parts += [f"{len(alike):,} the same as another"] if alike else []
        parts += [f"{len(failed):,} failed"] if failed else []
        parts += [f"{len(left):,} not run"] if left else []
        return [*parts, f"{len(idle):,} not needed"] if idle else parts
