"""What goes into a node: the values of its links, what it awaits, what is handed to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from .injected import EditorDocument, Folders, NodeId, Progress, Prompt, Service, Surroundings, Tick, injection
from .ledger import Ledger
from .metadata import Carrying
from .results import Lazy
from .step import Step, Wire


@dataclass(frozen=True, slots=True)
class Supply:
    """Gives the nodes of one run what they ask for.

    Attributes:
        ledger: Where the results stand.
        surroundings: All steps of the run.
        folders: Where files lie.
        stopping: Tells whether the run is to stop.
        previews: Whether previews are drawn.
        service: Finds or opens the service of a class.
        demand: Has a step computed for a node that awaits it: the node's id, then the step's.
        report: Takes each tick of a node, from any thread.
        carrying: What saved files carry of the workflow.
    """

    ledger: Ledger
    surroundings: Surroundings
    folders: Folders
    stopping: Callable[[], bool]
    previews: bool
    service: Callable[[type[Service]], Service]
    demand: Callable[[str, str], Awaitable[None]]
    report: Callable[[str, Tick], None]
    carrying: Carrying

    def linked(self, step: Step) -> dict[str, object]:
        """The value, or the lazy value, of each linked input."""
        wires = step.wires.items()
        return {name: self.lazy(step, wire) if step.is_lazy(name) else self.value(wire) for name, wire in wires}

    def value(self, wire: Wire) -> object:
        """The value that a wire carries; the step it comes from is done."""
        result = self.ledger[wire.node].result
        assert result is not None, f"the result of {wire.node} was given back too early"
        return result.outputs[wire.output]

    def lazy(self, step: Step, wire: Wire) -> Lazy[object]:
        """A value that is computed when the step awaits it."""

        async def request() -> object:
            await self.demand(step.id, wire.node)
            return self.value(wire)

        return Lazy(request)

    def handed(self, step: Step) -> Mapping[str, object]:
        """The injected parameters of a step; called in the node's thread, since opening a service may take long."""
        wanted = step.node.injected
        if not wanted:
            return {}
        values: dict[object, object] = {
            Progress: Progress(lambda tick: self.report(step.id, tick), self.stopping, self.previews, step.id),
            Folders: self.folders,
            NodeId: step.id,
            EditorDocument: self.carrying.document(step),
            Surroundings: self.surroundings,
            Prompt: self.carrying.prompt(step, self.surroundings) if Prompt in wanted.values() else None,
        }
        return injection(wanted, values, self.service)
