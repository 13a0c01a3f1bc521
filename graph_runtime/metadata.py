"""What saved files carry of the workflow that made them: all of it, what made the file, or nothing.

Nodes that save ask for the prompt and the editor's document, and write down what they are given. A kept result of such
a node counts as long as what made it is the same: its file then tells truly how it was made. Where the file carries
the whole workflow, the rest of it may have changed since, and that is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal, TypeAlias

from .declaration import Node
from .injected import EditorDocument, Prompt, Surroundings
from .plan import upstream
from .results import Result
from .step import Step
from .workflow import Workflow

Metadata: TypeAlias = Literal["full", "recipe", "none"]

OLDER = "not saved again, since the nodes that make it have not changed; the workflow inside the file is an older one."


def writes(node: Node) -> bool:
    """Tell whether a node saves files that may carry the workflow."""
    wanted = node.injected.values()
    return node.sink and (Prompt in wanted or EditorDocument in wanted)


class Carrying:
    """What the files carry that one run saves.

    Args:
        workflow: What the run was made from.
        metadata: How much of it they carry.
    """

    def __init__(self, workflow: Workflow, metadata: Metadata) -> None:
        self.workflow = workflow
        self.metadata = metadata

    @cached_property
    def _digest(self) -> str:
        """SHA-256 of all nodes and values in hexadecimal; how they are laid out and ordered does not count."""
        nodes = {id: [call.class_type, sorted(call.inputs.items())] for id, call in self.workflow.nodes.items()}
        return hashlib.sha256(repr(sorted(nodes.items())).encode("utf-8", "surrogatepass")).hexdigest()

    def of(self, step: Step) -> str:
        """Tell what the files of a step carry where that is not all of the workflow; "" where it is, or there are none.

        It is part of the step's key: what was saved with more is not what is wanted now.
        """
        return self.metadata if self.metadata != "full" and writes(step.node) else ""

    def noted(self, step: Step, result: Result) -> Result:
        """Note on a new result which workflow its files carry."""
        if result.shown is None or self.metadata != "full" or not writes(step.node):
            return result
        return replace(result, shown=replace(result.shown, carries=self._digest))

    def outdated(self, result: Result) -> str:
        """Say that the files of a kept result carry another workflow, if they do."""
        carries = result.shown.carries if result.shown is not None else ""
        return OLDER if carries and carries != self._digest else ""

    def document(self, step: Step) -> Mapping[str, object]:
        """The editor's document as a step is given it."""
        return {} if self.of(step) else self.workflow.document

    def prompt(self, step: Step, around: Surroundings) -> dict[str, object]:
        """The prompt as a step is given it: whole, the part that the step is made by, or empty.

        Args:
            step: The step.
            around: The run; where the step stands in a sub-graph, what its outermost node is made by counts.
        """
        match self.of(step):
            case "none":
                return {}
            case "recipe":
                id = step.id
                while id in around.parents:
                    id = around.parents[id]
                made_by = set(upstream(around.steps, [id]))
                return {name: call for name, call in self.workflow.to_json().items() if name in made_by}
        return self.workflow.to_json()
