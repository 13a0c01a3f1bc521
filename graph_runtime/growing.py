"""Puts sub-graphs in the place of the nodes that made them, and makes the nodes' results of theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .builder import Handle
from .errors import NodeError
from .expansion import Growth, circle, grown, wire
from .injected import Folders
from .invocation import merged, unfolded
from .library import Library
from .plan import Names
from .results import Result
from .step import Step, Wire


class Growing:
    """The sub-graphs of one run.

    Args:
        names: The steps of the run, to which those of the sub-graphs are added.
        library: The nodes that sub-graphs may name.
        folders: Where files lie.
        settled: Tells whether a step is over.
    """

    def __init__(self, names: Names, library: Library, folders: Folders, settled: Callable[[str], bool]) -> None:
        self._names = names
        self._library = library
        self._folders = folders
        self._settled = settled
        self.parents: dict[str, str] = {}
        self._showing: set[str] = set()

    def sprout(self, step: Step, returned: Sequence[object]) -> Growth:
        """Join the sub-graphs that the calls of a step returned, and take their steps into the run.

        Raises:
            WorkflowError: A sub-graph cannot run.
            NodeError: An output names what is not there, or the sub-graph would wait for the step itself.
        """
        steps = self._names.steps
        growth = grown(step, self._names.keys[step.id], returned, self._library, self._folders, steps)
        if closed := circle(growth, steps, lambda: self.around(step.id), self._settled):
            raise NodeError(f"its sub-graph needs node {closed}, which waits for this node: a circle.")
        self._names.add(growth.steps)
        self.parents.update(dict.fromkeys(growth.steps, step.id))
        if any(inner.node.sink for inner in growth.steps.values()):
            self._shows(step.id)
        return growth

    def _shows(self, id: str) -> None:
        """Note that something is shown inside a step, and so inside all steps around it."""
        while id and id not in self._showing:
            self._showing.add(id)
            id = self.parents.get(id, "")

    def shows(self, id: str) -> bool:
        """Tell whether something was shown inside a step: its result alone would not bring that back."""
        return id in self._showing

    def around(self, id: str) -> set[str]:
        """A step, and the steps in whose sub-graphs it stands."""
        around = {id}
        while id in self.parents:
            id = self.parents[id]
            around.add(id)
        return around

    def result(self, step: Step, growth: Growth, value: Callable[[Wire], object]) -> Result:
        """Make the result of a step whose sub-graphs are done.

        Args:
            step: The step.
            growth: Its sub-graphs.
            value: Gives what a wire carries.

        Raises:
            NodeError: The values are not what the node declares.
        """

        def resolver(prefix: str) -> Callable[[object], object]:
            return lambda one: value(wire(growth, self._names.steps, prefix, one)) if isinstance(one, Handle) else one

        return merged(step, [unfolded(step, one, resolver(prefix)) for prefix, one in growth.returned])
