"""Sub-graphs made at run time: names their nodes, joins them with the rest, finds circles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .builder import Given, Handle
from .errors import NodeError
from .graph import join
from .injected import Folders
from .library import Library
from .results import Expand
from .step import Link, Step, Wire
from .workflow import NodeCall, Workflow

_LONGEST_PREFIX = 160


@dataclass(frozen=True, slots=True)
class Growth:
    """The sub-graphs that stand in for a node.

    Attributes:
        returned: What each call of the node returned, with the prefix of its sub-graph's ids ("" for plain values).
        steps: The steps of the sub-graphs by id.
        targets: The steps that must be done before the node is: those its outputs come from, and sinks.
        displays: The node at which the progress of a step is shown, where that is not the expanded one.
    """

    returned: tuple[tuple[str, object], ...]
    steps: Mapping[str, Step]
    targets: tuple[str, ...]
    displays: Mapping[str, str] = field(default_factory=dict)


def grown(
    step: Step,
    key: str,
    returned: Sequence[object],
    library: Library,
    folders: Folders,
    steps: Mapping[str, Step],
) -> Growth:
    """Join the sub-graphs that the calls of a step returned.

    Args:
        step: The step.
        key: Its key; values that only Python can hold are named after it, and so are alike wherever the key is.
        returned: What each call returned; at least one is `Expand`.
        library: The nodes that the sub-graphs may name.
        folders: Where files lie.
        steps: All steps of the run, which links may name.

    Raises:
        WorkflowError: A sub-graph cannot run.
        NodeError: An output names a node or an output that is not there.
    """
    calls: dict[str, NodeCall] = {}
    prefixed: list[tuple[str, object]] = []
    handles: list[str] = []
    for place, one in enumerate(returned):
        prefix = ""
        if isinstance(one, Expand):
            workflow = one.graph.workflow()
            prefix = _prefix(step.id, place if step.mapped else None, workflow, steps)
            calls.update(_renamed(workflow, prefix, f"{key} {place}"))
            handles += [_target(handle, prefix, calls, steps) for handle in _handles(one.values)]
        prefixed.append((prefix, one))
    sinks = [name for name, call in calls.items() if (node := library.get(call.class_type)) is not None and node.sink]
    wanted = [*dict.fromkeys([*handles, *sinks])]
    graph = join(Workflow(calls), library, folders, [name for name in wanted if name in calls], steps)
    displays = {name: call.display for name, call in calls.items() if call.display}
    growth = Growth(tuple(prefixed), graph.steps, tuple(wanted), displays)
    for prefix, one in prefixed:
        for handle in _handles(one.values) if isinstance(one, Expand) else ():
            wire(growth, steps, prefix, handle)
    return growth


def wire(growth: Growth, steps: Mapping[str, Step], prefix: str, handle: Handle) -> Wire:
    """Find the output that a handle names.

    Raises:
        NodeError: The node has no such output.
    """
    name = prefix + handle.node if prefix + handle.node in growth.steps else handle.node
    source = growth.steps.get(name) or steps[name]
    names = source.node.output_names
    if isinstance(handle.output, str) and handle.output in names:
        return Wire(name, names.index(handle.output))
    if isinstance(handle.output, int) and 0 <= handle.output < len(names):
        return Wire(name, handle.output)
    raise NodeError(
        f"its sub-graph gives back output {handle.output!r} of {source.name}, which has {', '.join(names) or 'none'}."
    )


def circle(
    growth: Growth, steps: Mapping[str, Step], around: Callable[[], set[str]], settled: Callable[[str], bool]
) -> str | None:
    """Find a node outside the sub-graph that waits for the node whose place the sub-graph takes.

    Args:
        growth: The sub-graph.
        steps: All steps of the run.
        around: Gives the expanded node and the nodes in whose sub-graphs it stands; asked only where it matters.
        settled: Tells whether a step is over.

    Returns:
        The id of such a node, or None.
    """
    fed = [*growth.targets, *(name for step in growth.steps.values() for name in step.sources)]
    pending = [name for name in fed if name not in growth.steps and not settled(name)]
    standing_in = around() if pending else set()
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in standing_in:
            return name
        if name not in seen and not settled(name):
            seen.add(name)
            pending.extend(steps[name].sources)
    return None


def _prefix(id: str, place: int | None, workflow: Workflow, steps: Mapping[str, Step]) -> str:
    """What the ids of a sub-graph begin with: the id of its node, and no id that is taken comes of it."""
    if len(id) > _LONGEST_PREFIX:
        id = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    prefix = f"{id}." if place is None else f"{id}.{place}."
    while any(prefix + name in steps for name in workflow.nodes):
        prefix += "."
    return prefix


def _renamed(workflow: Workflow, prefix: str, key: str) -> Iterator[tuple[str, NodeCall]]:
    def renamed(name: str, input: str, value: object) -> object:
        if isinstance(value, Link) and value.node in workflow.nodes:
            return Link(prefix + value.node, value.output)
        if isinstance(value, Given):
            return Given(value.value, value.name or f"{key} {name} {input}")
        return value

    for name, call in workflow.nodes.items():
        inputs = {input: renamed(name, input, value) for input, value in call.inputs.items()}
        yield prefix + name, NodeCall(call.class_type, inputs, call.title, display=call.display)


def _handles(values: object) -> list[Handle]:
    found = values if isinstance(values, tuple) else (values,)
    return [value for value in found if isinstance(value, Handle)]


def _target(handle: Handle, prefix: str, calls: Mapping[str, NodeCall], steps: Mapping[str, Step]) -> str:
    for name in (prefix + handle.node, handle.node):
        if name in calls or name in steps:
            return name
    raise NodeError(f"its sub-graph gives back node {handle.node!r}, which is not in it.")
