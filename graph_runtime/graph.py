"""Joins a workflow with a library into a graph that can run, or tells everything that is wrong with it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .bridging import Bridges
from .errors import Hints, Problem, WorkflowError, nearest, quoted
from .foresight import foreseen
from .injected import Folders
from .library import Library
from .network import Network, circle_problem, links
from .placing import Sources, place, unknown_kind
from .sockets import Socket
from .step import Step
from .workflow import NodeCall, Workflow


@dataclass(frozen=True)
class Graph:
    """A workflow in which every link, type, value and file has been checked.

    Attributes:
        steps: The nodes by id; sources stand before what they feed.
        targets: The ids of the nodes that are wanted: the sinks, unless others were named.
        library: Where the nodes come from.
        workflow: What it was made from.
        warnings: What is wrong with nodes that nothing wanted needs.
    """

    steps: Mapping[str, Step]
    targets: tuple[str, ...]
    library: Library
    workflow: Workflow
    warnings: tuple[Problem, ...] = ()


def join(
    workflow: Workflow,
    library: Library,
    folders: Folders | None = None,
    targets: Iterable[str] | None = None,
    outside: Mapping[str, Step] | None = None,
) -> Graph:
    """Check a workflow in full and make it a graph.

    Args:
        workflow: The workflow.
        library: The nodes it may name.
        folders: Where its files lie.
        targets: The nodes that are wanted, by id or title; all sinks when left out.
        outside: Steps of a larger graph that links may name.

    Returns:
        A graph that can run.

    Raises:
        WorkflowError: It cannot run; holds every problem of the nodes that are needed, what is malformed anywhere, and
            as warnings the problems of the other nodes.
    """
    network = Network.of(workflow)
    wanted, problems = _wanted(workflow, library, targets)
    circles = network.circles()
    problems += [circle_problem(circle, workflow) for circle in circles]
    order = dict.fromkeys([*network.order, *workflow.nodes])  # what lies in or behind a circle comes last
    folders = folders or Folders()
    steps, wrong = _placed(workflow, library, folders, order, outside or {})
    problems += wrong
    problems += [problem for pack in library.packs for check in pack.checks for problem in check(steps, folders)]
    needed = network.upstream(wanted)
    fatal = [problem for problem in problems if not problem.node or problem.node in needed]
    warnings = [problem for problem in problems if problem.node and problem.node not in needed]
    if fatal or workflow.problems:
        raise WorkflowError([*workflow.problems, *fatal], workflow.source, warnings)
    return Graph(steps, tuple(wanted), library, workflow, tuple(warnings))


def _placed(
    workflow: Workflow, library: Library, folders: Folders, order: Iterable[str], outside: Mapping[str, Step]
) -> tuple[dict[str, Step], list[Problem]]:
    """Check the nodes one by one, sources first."""
    problems: list[Problem] = []
    steps: dict[str, Step] = {}
    hint, bridges = Hints(), Bridges(library)
    malformed = {problem.node for problem in workflow.problems if not _can_be_placed(problem, workflow)}
    own: dict[str, Step | None] = dict.fromkeys(workflow.nodes)
    sources: Sources = ChainMap(own, outside) if outside else own  # type: ignore[arg-type]  # reads only the outside
    for name in order:
        if name in malformed:
            continue
        call = workflow.nodes[name]
        node = library.get(call.class_type)
        if node is None:
            wrong = [unknown_kind(call, library, hint)]
        else:
            step, wrong = place(name, call, node, sources, folders, hint)
            if not wrong and len(step.wires) + len(step.values) == len(step.node.inputs):
                step, problem = foreseen(step, sources, folders)
                wrong = [problem] if problem is not None else []
            steps[name] = own[name] = step
        problems += [_located(_bridged(problem, bridges), name, call, workflow) for problem in wrong]
    return steps, problems


def _bridged(problem: Problem, bridges: Bridges) -> Problem:
    """Say of a link whose types do not fit which nodes would fit into it."""
    details = dict(problem.details)
    found, needed = details.get("found"), details.get("needed")
    if problem.kind != "type_mismatch" or not isinstance(found, Socket) or not isinstance(needed, Socket):
        return problem
    names = bridges(found, needed) if not problem.nearest else []
    return replace(problem, message=f"{problem.message} Between them fits {' or '.join(names)}.") if names else problem


def _located(problem: Problem, name: str, call: NodeCall, workflow: Workflow) -> Problem:
    """Say of which node a problem is, and of a file that is missing where the workflow says that it is to be had."""
    found = dict(problem.details).get("found") if problem.kind == "not_a_choice" else None
    origin = workflow.origin_of(found) if isinstance(found, str) else ""
    if origin and isinstance(found, str):
        message, remedy = (f"{text} {origin}".lstrip() for text in (problem.message, problem.remedy))
        problem = replace(problem, message=message, missing=problem.missing or found, remedy=remedy)
    return replace(problem, node=name, title=call.title, class_type=call.class_type)


def _can_be_placed(problem: Problem, workflow: Workflow) -> bool:
    """Tell whether the node of a problem is still readable: what is wrong is one input, and that has a value."""
    return problem.node in workflow.nodes and problem.input in workflow.nodes[problem.node].inputs


def _wanted(workflow: Workflow, library: Library, targets: Iterable[str] | None) -> tuple[list[str], list[Problem]]:
    """The ids of the nodes that are wanted."""
    if targets is None:
        return _sinks(workflow, library)
    wanted: list[str] = []
    problems: list[Problem] = []
    titles = {call.title: id for id, call in reversed(list(workflow.nodes.items())) if call.title}
    for name in targets:
        if name in workflow.nodes or name in titles:
            wanted.append(name if name in workflow.nodes else titles[name])
        else:
            message = f"there is no node with the id or title {quoted(name)}."
            problems.append(Problem("unknown_target", message, nearest=nearest(name, [*workflow.nodes, *titles])))
    return list(dict.fromkeys(wanted)), problems


def _sinks(workflow: Workflow, library: Library) -> tuple[list[str], list[Problem]]:
    """The nodes that save or show; and unknown ones that feed nothing, which might have been such."""
    sinks = [name for name, call in workflow.nodes.items() if (node := library.get(call.class_type)) and node.sink]
    if unknown := [name for name, call in workflow.nodes.items() if call.class_type not in library]:
        fed = {link.node for call in workflow.nodes.values() for link in links(call)}
        sinks += [name for name in unknown if name not in fed]
    if sinks:
        return sinks, []
    message = "no node saves or shows anything, so there is nothing to do: "
    message += "add a node such as SaveImage, or name the nodes that are wanted."
    return [], [Problem("no_outputs", message)]
