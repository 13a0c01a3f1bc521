"""Decides whether a prompt may join the queue: what of it can run, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..api_format import from_json
from ..errors import Problem, WorkflowError
from ..graph import join
from ..injected import Folders
from ..library import Library
from ..network import Network
from ..workflow import Workflow
from .complaints import Body, concerns_all, node_errors, refusal
from .formats.origins import documented


class Refused(Exception):
    """A request cannot be done; `body` says why in the shape that ComfyUI's clients know.

    Args:
        body: The answer.
        status: The HTTP status.
    """

    def __init__(self, body: Body, status: int = 400) -> None:
        super().__init__(str(body.get("error")))
        self.body = body
        self.status = status


@dataclass(frozen=True, slots=True)
class Admission:
    """A prompt that can run, at least in part.

    Attributes:
        targets: The nodes that are wanted and can run.
        node_errors: What is wrong with the others, by node.
    """

    targets: tuple[str, ...]
    node_errors: Body = field(default_factory=dict)


def admit(
    prompt: object,
    targets: Sequence[str] | None,
    library: Library,
    folders: Folders,
    document: Mapping[str, object] = MappingProxyType({}),
) -> Admission:
    """Check a prompt in full.

    Args:
        prompt: The nodes in the API format, as JSON data.
        targets: The nodes that are wanted; all sinks when left out.
        library: The nodes it may name.
        folders: Where its files lie.
        document: The editor's document that came with it; it may say where missing files are to be had.

    Raises:
        Refused: Nothing of it can run.
    """
    workflow: Workflow | None = None
    try:
        workflow = documented(from_json(prompt).sound(), document)
        return Admission(join(workflow, library, folders, targets).targets)
    except WorkflowError as error:
        if workflow is None or any(concerns_all(problem) for problem in error.problems):
            raise Refused(refusal(error.problems, workflow, library, folders)) from None
        return _in_part(workflow, error.problems, targets, library, folders)


def _in_part(
    workflow: Workflow, problems: Sequence[Problem], targets: Sequence[str] | None, library: Library, folders: Folders
) -> Admission:
    """Admit the outputs that no problem stands in the way of."""
    spoilt = Network.of(workflow).downstream(problem.node for problem in problems if problem.node in workflow.nodes)
    wanted = (
        targets
        if targets is not None
        else [id for id, call in workflow.nodes.items() if _sink(call.class_type, library)]
    )
    good = [id for id in wanted if id not in spoilt]
    try:
        if good:
            graph = join(workflow, library, folders, good)
            return Admission(graph.targets, node_errors(problems, workflow, library, folders))
    except WorkflowError as error:
        problems = error.problems
    raise Refused(refusal(problems, workflow, library, folders))


def _sink(class_type: str, library: Library) -> bool:
    node = library.get(class_type)
    return node is not None and node.sink
