"""Problems in the shape in which ComfyUI's server refuses a prompt, which its editor words and points at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ..errors import Problem, ProblemKind, shown
from ..injected import Folders
from ..library import Library
from ..network import Network
from ..sockets import Socket
from ..step import Link
from ..workflow import Workflow
from . import wire
from .packs.foreign import ForeignNode
from .schema import input_config

Body: TypeAlias = dict[str, object]

LIMIT = 200
"""How many nodes are complained about in one answer."""

TYPES: Mapping[ProblemKind, str] = {
    "unreadable": "invalid_prompt",
    "no_nodes": "prompt_no_outputs",
    "no_outputs": "prompt_no_outputs",
    "malformed_node": "invalid_prompt",
    "unknown_node": "missing_node_type",
    "unknown_input": "custom_validation_failed",
    "missing_input": "required_input_missing",
    "wrong_type": "invalid_input_type",
    "too_small": "value_smaller_than_min",
    "too_large": "value_bigger_than_max",
    "not_a_choice": "value_not_in_list",
    "bad_link": "bad_linked_input",
    "type_mismatch": "return_type_mismatch",
    "cycle": "dependency_cycle",
    "unknown_target": "prompt_no_outputs",
    "refused": "custom_validation_failed",
    "failed": "exception_during_validation",
}
"""What the editor calls each kind of problem."""

_HEADINGS: Mapping[str, str] = {
    "required_input_missing": "Required input is missing",
    "invalid_input_type": "The value is of the wrong type",
    "value_smaller_than_min": "The value is too small",
    "value_bigger_than_max": "The value is too large",
    "value_not_in_list": "The value is not in the list",
    "bad_linked_input": "The link leads nowhere",
    "return_type_mismatch": "The types of a link do not fit",
    "custom_validation_failed": "The node refuses this",
    "exception_during_validation": "The node cannot be checked",
    "prompt_outputs_failed_validation": "The workflow cannot run",
    "missing_node_type": "A node is not installed",
    "dependency_cycle": "The nodes feed each other in a circle",
    "prompt_no_outputs": "The workflow has nothing to do",
    "invalid_prompt": "This is no workflow",
}
_WHOLE = ("unreadable", "malformed_node", "no_nodes", "no_outputs", "unknown_target", "unknown_node", "cycle")


def complaint(type: str, details: str, message: str = "", extra: Mapping[str, object] | None = None) -> Body:
    """Make one error: its type, a heading, what was found and what is needed."""
    return {
        "type": type,
        "message": message or _HEADINGS.get(type, type),
        "details": details,
        "extra_info": dict(extra or {}),
    }


def answer(error: Body, node_errors: Body | None = None) -> Body:
    """Make the body of a refusal."""
    return {"error": error, "node_errors": node_errors or {}}


def concerns_all(problem: Problem) -> bool:
    """Tell whether a problem keeps the whole prompt from running, not only the outputs behind one node."""
    return not problem.node or problem.kind in _WHOLE


def refusal(problems: Sequence[Problem], workflow: Workflow | None, library: Library, folders: Folders) -> Body:
    """Say why a prompt cannot run, all at once.

    Args:
        problems: Everything that is wrong.
        workflow: The prompt, where it could be read.
        library: The nodes.
        folders: Where files lie.
    """
    worst = next((problem for kind in _WHOLE for problem in problems if problem.kind == kind), None)
    if worst is not None:
        error = complaint(TYPES[worst.kind], str(worst), extra=_about(worst))
        if worst.kind == "cycle":
            error["details"] = _circle(worst, workflow)
    else:
        error = complaint("prompt_outputs_failed_validation", "\n".join(str(problem) for problem in problems[:LIMIT]))
    return answer(error, node_errors(problems, workflow, library, folders) if workflow else None)


def node_errors(problems: Iterable[Problem], workflow: Workflow, library: Library, folders: Folders) -> Body:
    """The problems by node, with the outputs that each keeps from running."""
    by_node: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.node in workflow.nodes and (problem.node in by_node or len(by_node) < LIMIT):
            by_node.setdefault(problem.node, []).append(problem)
    network = Network.of(workflow)
    sinks = {id for id, call in workflow.nodes.items() if (node := library.get(call.class_type)) and node.sink}
    return {
        id: {
            "errors": [_node_error(problem, workflow, library, folders) for problem in wrong],
            "dependent_outputs": [name for name in workflow.nodes if name in sinks & network.downstream([id])],
            "class_type": workflow.nodes[id].class_type,
        }
        for id, wrong in by_node.items()
    }


def _node_error(problem: Problem, workflow: Workflow, library: Library, folders: Folders) -> Body:
    type = TYPES[problem.kind]
    hint = f" Did you mean {problem.nearest}?" if problem.nearest else ""
    details = f"{problem.input}: {problem.message}{hint}" if problem.input else f"{problem.message}{hint}"
    extra: Body = {}
    node = library.get(problem.class_type)
    if problem.input:
        extra["input_name"] = problem.input
        if node is not None and problem.input in node.inputs:
            config = node.config(problem.input) if isinstance(node, ForeignNode) else None
            extra["input_config"] = config or input_config(node.inputs[problem.input], folders)
        extra |= _received(problem, workflow)
    if type == "return_type_mismatch":
        facts = dict(problem.details)
        needed = facts.get("needed")
        taken = wire.taken(needed) if isinstance(needed, Socket) else ""
        details = f"{problem.input}, received_type({extra.get('received_type', '')}) mismatch input_type({taken})"
    return complaint(type, details, f"{_HEADINGS[type]}: {problem.message}{hint}", extra)


def _received(problem: Problem, workflow: Workflow) -> Body:
    """What stood on the input: a value, or the link with its type."""
    given = workflow.nodes[problem.node].inputs.get(problem.input)
    if not isinstance(given, Link):
        plain = given is None or isinstance(given, bool | int | float)
        return {"received_value": given if plain else shown(given)}
    found = dict(problem.details).get("found")
    typed = {"received_type": wire.offered(found)} if isinstance(found, Socket) else {}
    return {"linked_node": [given.node, given.output], **typed}


def _about(problem: Problem) -> Body:
    if not problem.node:
        return {}
    about: Body = {"node_id": problem.node, "class_type": problem.class_type}
    if problem.kind == "cycle":
        return about | {"cycle_nodes": list(_cycle(problem)[:-1])}
    return about | {"node_title": problem.title or problem.class_type}


def _cycle(problem: Problem) -> tuple[str, ...]:
    found = dict(problem.details).get("cycle")
    return found if isinstance(found, tuple) else (problem.node,)


def _circle(problem: Problem, workflow: Workflow | None) -> str:
    calls = workflow.nodes if workflow is not None else {}
    names = [f"{id} ({calls[id].class_type})" if id in calls else id for id in _cycle(problem)]
    return " -> ".join(names[:LIMIT])
