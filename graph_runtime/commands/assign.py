"""Gives inputs of a workflow other values: `--set NODE.INPUT=VALUE`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..errors import Problem, listed, nearest, quoted, shown
from ..injected import Folders
from ..library import Library
from ..literals import Misfit, coerce
from ..sockets import Socket
from ..workflow import NodeCall, Workflow


def assigned(workflow: Workflow, settings: Iterable[str], library: Library, folders: Folders) -> Workflow:
    """Give inputs other values.

    Args:
        workflow: The workflow.
        settings: One `node.input=value` each; the node by id or title.
        library: Tells which inputs a node has and what they take.
        folders: Where files to choose from lie.

    Returns:
        The changed workflow, with the settings that name nodes or inputs that are not there among its problems.
    """
    nodes = dict(workflow.nodes)
    problems: list[Problem] = []
    for setting in settings:
        found = located(setting, nodes)
        problem = found if isinstance(found, Problem) else _assign(nodes, *found, library, folders)
        if problem is not None:
            problems.append(replace(problem, message=f"--set {shown(setting)}: {problem.message}"))
    return replace(workflow, nodes=nodes, problems=(*workflow.problems, *problems))


def located(setting: str, nodes: Mapping[str, NodeCall]) -> tuple[str, str, str] | Problem:
    """Take a setting apart: the node's id, the input, the value. Ids and titles may hold dots and equals signs."""
    ends = [place for place, letter in enumerate(setting[:1000]) if letter == "="]
    splits = [(setting[:end].rpartition("."), setting[end + 1 :]) for end in ends if "." in setting[:end]]
    if not splits:
        return Problem("unknown_input", "needs the form NODE.INPUT=VALUE.")
    for (node, _, input), value in splits:
        if node in nodes:
            return node, input, value
    for (node, _, input), value in splits:
        titled = [id for id, call in nodes.items() if call.title == node]
        if len(titled) == 1:
            return titled[0], input, value
        if titled:
            return Problem(
                "unknown_target",
                f"{len(titled)} nodes bear this title; name one by its id: {listed(map(shown, titled))}.",
            )
    name = splits[0][0][0]
    names = [*nodes, *(call.title for call in nodes.values() if call.title)]
    return Problem(
        "unknown_target", f"there is no node with the id or title {quoted(name)}.", nearest=nearest(name, names)
    )


def _assign(
    nodes: dict[str, NodeCall], id: str, input: str, value: str, library: Library, folders: Folders
) -> Problem | None:
    call = nodes[id]
    node = library.get(call.class_type)
    if problem := strange(call, input, library):
        return problem
    read = _value(value, node.inputs[input].socket if node is not None else None, folders)
    nodes[id] = replace(call, inputs={**call.inputs, input: read})
    return None


def strange(call: NodeCall, input: str, library: Library) -> Problem | None:
    """Say that a node has no such input; None where it has."""
    node = library.get(call.class_type)
    known = node.inputs if node is not None else call.inputs
    if input in known:
        return None
    has = f"takes {listed(known)}" if known else "takes none"
    message = f"there is no such input; {shown(call.class_type)} {has}."
    return Problem("unknown_input", message, nearest=nearest(input, known))


def _value(text: str, socket: Socket | None, folders: Folders) -> object:
    """Read a value as JSON where it is JSON that fits, else as the text it is: a prompt of `1.50` stays that."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if socket is None:
        return parsed
    if socket.type is str and not isinstance(parsed, str | list | None):
        return text
    return parsed if _fits(parsed, socket, folders) or not _fits(text, socket, folders) else text


def _fits(value: object, socket: Socket, folders: Folders) -> bool:
    try:
        coerce(value, socket, folders)
    except Misfit:
        return False
    return True
