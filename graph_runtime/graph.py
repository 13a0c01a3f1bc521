"""Joins a workflow with a library into a graph that can run, or tells everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import networkx as nx

from .builder import Given
from .calls import spread
from .declaration import Input, Node
from .errors import GraphError, NodeError, Problem, WorkflowError, listed, nearest, quoted, shown
from .injected import Folders
from .library import Library
from .literals import Misfit, coerce
from .results import Result
from .sockets import Socket, compatible
from .step import Link, Step, Wire
from .workflow import NodeCall, Workflow

EDITOR_WIDGETS = frozenset({"upload", "image_upload", "control_after_generate", "control_before_generate", "choose file to upload"})
"""What editors leave among the inputs of saved files though no node declares it."""

_DRAWN = 12


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
        WorkflowError: It cannot run; holds every problem of the nodes that are needed.
    """
    return _Join(workflow, library, folders or Folders(), outside or {}).graph(targets)


class _Join:
    """The state of one joining: each pass fills in what the next one reads."""

    def __init__(self, workflow: Workflow, library: Library, folders: Folders, outside: Mapping[str, Step]) -> None:
        self.workflow = workflow
        self.library = library
        self.folders = folders
        self.outside = outside
        self.problems: list[Problem] = []
        self.steps: dict[str, Step] = {}

    def graph(self, wanted: Iterable[str] | None) -> Graph:
        network = self.network()
        targets = self.targets(wanted)
        order, cyclic = self.ordered(network)
        for name in order:
            self.place(name, cyclic)
        self.check_together()
        needed = _upstream(network, targets)
        fatal = tuple(problem for problem in self.problems if not problem.node or problem.node in needed)
        if fatal:
            raise WorkflowError(fatal, self.workflow.source)
        kept = tuple(name for name in targets if name in self.steps)
        return Graph(self.steps, kept, self.library, self.workflow, tuple(self.problems))

    def report(self, problem: Problem, name: str, input: str = "") -> None:
        """Add a problem, with its place filled in."""
        call = self.workflow.nodes[name]
        self.problems.append(
            Problem(problem.kind, problem.message, name, call.title, call.class_type, input or problem.input, problem.nearest, problem.details)
        )

    # Pass 1: which node feeds which.

    def network(self) -> nx.DiGraph[str]:
        network: nx.DiGraph[str] = nx.DiGraph()
        network.add_nodes_from(self.workflow.nodes)
        for name, call in self.workflow.nodes.items():
            network.add_edges_from((link.node, name) for link in _links(call) if link.node in self.workflow.nodes)
        return network

    def targets(self, wanted: Iterable[str] | None) -> tuple[str, ...]:
        if wanted is not None:
            return tuple(dict.fromkeys(found for name in wanted for found in self.named(name)))
        fed = {link.node for call in self.workflow.nodes.values() for link in _links(call)}
        sinks = tuple(name for name, call in self.workflow.nodes.items() if self.is_end(name, call, fed))
        if not sinks:
            message = "no node saves or shows anything, so there is nothing to do: add a node such as SaveImage, or name the nodes that are wanted."
            self.problems.append(Problem("no_outputs", message))
        return sinks

    def is_end(self, name: str, call: NodeCall, fed: set[str]) -> bool:
        """A sink; or an unknown node that feeds nothing, which might have been one."""
        node = self.library.get(call.class_type)
        return node.sink if node is not None else name not in fed

    def named(self, name: str) -> list[str]:
        if name in self.workflow.nodes:
            return [name]
        titled = [id for id, call in self.workflow.nodes.items() if call.title == name]
        if not titled:
            names = [*self.workflow.nodes, *(call.title for call in self.workflow.nodes.values() if call.title)]
            message = f"there is no node with the id or title {quoted(name)}."
            self.problems.append(Problem("unknown_target", message, nearest=nearest(name, names)))
        return titled

    # Pass 2: an order in which sources come first.

    def ordered(self, network: nx.DiGraph[str]) -> tuple[list[str], frozenset[str]]:
        """Order the nodes; those in or behind a cycle come last, in the order of the file."""
        cyclic: set[str] = set()
        for component in nx.strongly_connected_components(network):
            first = next(iter(component))
            if len(component) > 1 or network.has_edge(first, first):
                cyclic |= component
                self.report_cycle(network, component)
        if not cyclic:
            position = {name: place for place, name in enumerate(network)}
            return list(nx.lexicographical_topological_sort(network, key=position.__getitem__)), frozenset()
        behind = cyclic | _reached(network, cyclic)
        rest = network.subgraph(name for name in network if name not in behind)
        return [*nx.topological_sort(rest), *(name for name in network if name in behind)], frozenset(behind)

    def report_cycle(self, network: nx.DiGraph[str], component: set[str]) -> None:
        start = next(name for name in self.workflow.nodes if name in component)
        path, seen = [start], {start}
        while True:
            following = next(name for name in network.successors(path[-1]) if name in component)
            if following in seen:
                path = [*path[path.index(following) :], following]
                break
            path.append(following)
            seen.add(following)
        drawn = [f"{shown(name)} ({shown(self.workflow.nodes[name].class_type)})" for name in path]
        if len(drawn) > _DRAWN:
            drawn = [*drawn[: _DRAWN // 2], f"… {len(drawn) - _DRAWN} more …", *drawn[-_DRAWN // 2 :]]
        message = f"the nodes feed each other in a circle: {' → '.join(drawn)}. One of these links has to go."
        self.report(Problem("cycle", message, details=(("cycle", tuple(path)),)), path[0])

    # Pass 3: each node against the library.

    def place(self, name: str, cyclic: frozenset[str]) -> None:
        call = self.workflow.nodes[name]
        node = self.library.get(call.class_type)
        if node is None:
            self.report(self.unknown(call), name)
            return
        before = len(self.problems)
        wires, sources = self.wires(name, call, node, cyclic)
        values = self.values(name, call, node)
        self.unknown_inputs(name, call, node)
        complete = len(wires) + len(values) == len(node.inputs)
        mapped = frozenset(i for i, source in sources.items() if source.is_list and not node.inputs[i].socket.is_list)
        outputs = _resolved(node, sources, values, bool(mapped))
        step = Step(name, node, call.title, values, wires, outputs, mapped)
        if complete and len(self.problems) == before:
            step = self.read_files(step)
            step = self.evaluated(step)
        self.steps[name] = step

    def unknown(self, call: NodeCall) -> Problem:
        broken = [f"{failure.name} ({shown(failure.reason, 200)})" for failure in self.library.failures]
        hint = f" These packs could not be loaded: {'; '.join(broken)}." if broken else ""
        message = f"there is no node of the kind {quoted(call.class_type)} in the installed packs.{hint}"
        return Problem("unknown_node", message, nearest=nearest(call.class_type, self.library))

    def unknown_inputs(self, name: str, call: NodeCall, node: Node) -> None:
        for key, value in call.inputs.items():
            if key in node.inputs or (key in EDITOR_WIDGETS and not isinstance(value, Link)):
                continue
            has = f"{node.id} takes {listed(node.inputs)}" if node.inputs else f"{node.id} takes none"
            self.report(Problem("unknown_input", f"there is no such input; {has}.", nearest=nearest(key, node.inputs)), name, key)

    def wires(self, name: str, call: NodeCall, node: Node, cyclic: frozenset[str]) -> tuple[dict[str, Wire], dict[str, Socket]]:
        wires: dict[str, Wire] = {}
        sources: dict[str, Socket] = {}
        for key, link in call.inputs.items():
            if key not in node.inputs or not isinstance(link, Link):
                continue
            source = self.outside.get(link.node) or self.steps.get(link.node)
            if source is None:
                self.link_to_nothing(name, key, link, cyclic)
                continue
            index = _output(source.node, link.output)
            if index is None:
                self.report(_no_output(source, link), name, key)
                continue
            wires[key], sources[key] = Wire(link.node, index), source.outputs[index]
            self.fits(name, node.inputs[key], source, index)
        return wires, sources

    def link_to_nothing(self, name: str, key: str, link: Link, cyclic: frozenset[str]) -> None:
        if link.node in self.workflow.nodes:
            return  # the source has problems of its own, or closes a cycle: told there
        message = f"is linked to node {quoted(link.node)}, which is not in the workflow."
        self.report(Problem("bad_link", message, nearest=nearest(link.node, self.workflow.nodes)), name, key)

    def fits(self, name: str, input: Input, source: Step, index: int) -> None:
        found, needed = source.outputs[index], input.socket
        if not compatible(found.type, needed.type) or (found.optional and not needed.optional):
            others = [output.name for output, socket in zip(source.node.outputs, source.outputs, strict=True) if compatible(socket.type, needed.type)]
            at = f"node {shown(source.id)} ({shown(source.name)}), output {source.node.outputs[index].name}"
            message = f"found {found} from {at}; needs {needed}."
            hint = f"its output {others[0]}" if others else ""
            self.report(Problem("type_mismatch", message, nearest=hint, details=(("found", found), ("source", source.id))), name, input.name)
        elif found.is_list and input.socket.lazy:
            self.report(Problem("type_mismatch", f"found {found}, needs a single value: it is computed only on demand."), name, input.name)

    def values(self, name: str, call: NodeCall, node: Node) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, input in node.inputs.items():
            value = call.inputs.get(key, input.default)
            if isinstance(value, Link):
                continue
            if key not in call.inputs and input.required:
                needed = f"needs {input.socket}" + (" or a link" if not _only_links(input.socket) else ", by a link")
                self.report(Problem("missing_input", f"is missing; {needed}."), name, key)
                continue
            try:
                values[key] = value if isinstance(value, Given) or _is_default(value, input) else coerce(value, input.socket, self.folders)
            except Misfit as misfit:
                self.report(misfit.problem, name, key)
        return values

    # Pass 4: files, and what costs nothing to compute.

    def read_files(self, step: Step) -> Step:
        node = step.node
        if node.fingerprint is None:
            return step
        if any(name in step.wires for name in node.fingerprint_inputs):
            return _with(step, fingerprint=None)
        given = {name: step.values[name] for name in node.fingerprint_inputs}
        handed = {name: self.folders for name in node.fingerprint_injected}
        return _with(step, fingerprint=self.attempt(step, lambda: str(node.fingerprint(**given, **handed))))  # type: ignore[misc]

    def evaluated(self, step: Step) -> Step:
        """Compute a static step whose inputs are all known."""
        sources = {name: self.outside.get(wire.node) or self.steps[wire.node] for name, wire in step.wires.items()}
        if not step.node.static or step.mapped or step.node.is_async:
            return step
        if any(source.known is None for source in sources.values()):
            return _with(step, fingerprint=None)
        linked = {name: sources[name].known.outputs[wire.output] for name, wire in step.wires.items()}  # type: ignore[union-attr]
        plain = {name: value.value if isinstance(value, Given) else value for name, value in step.values.items()}
        handed = dict.fromkeys(step.node.injected, self.folders)
        known = self.attempt(step, lambda: spread(step.node, step.node.function(**plain, **linked, **handed)))
        return _with(step, known=known)

    def attempt(self, step: Step, work: object) -> object:
        """Call into a pack; what it refuses becomes a problem at the node."""
        try:
            return work()  # type: ignore[operator]
        except NodeError as error:
            self.report(Problem("refused", error.message, input=error.input, nearest=error.nearest), step.id)
        except GraphError as error:
            self.report(Problem("refused", str(error)), step.id)
        except Exception as error:
            self.report(Problem("failed", f"{type(error).__name__}: {error}"), step.id)
        return None

    def check_together(self) -> None:
        for pack in self.library.packs:
            for check in pack.checks:
                for problem in check(self.steps):
                    self.report(problem, problem.node)


def _with(step: Step, **changes: object) -> Step:
    from dataclasses import replace

    return replace(step, **changes)  # type: ignore[arg-type]


def _links(call: NodeCall) -> Iterable[Link]:
    return (value for value in call.inputs.values() if isinstance(value, Link))


def _output(node: Node, output: int | str) -> int | None:
    if isinstance(output, str):
        return node.output_names.index(output) if output in node.output_names else None
    return output if 0 <= output < len(node.outputs) else None


def _no_output(source: Step, link: Link) -> Problem:
    names = [f"{place} {output.name}" for place, output in enumerate(source.node.outputs)]
    has = f"has {listed(names)}" if names else "has no outputs"
    message = f"is linked to output {quoted(link.output)} of node {shown(source.id)} ({shown(source.name)}), which {has}."
    return Problem("bad_link", message, nearest=nearest(link.output, source.node.output_names))


def _resolved(node: Node, sources: Mapping[str, Socket], values: Mapping[str, object], mapped: bool) -> tuple[Socket, ...]:
    """The type of each output here: type variables bound by the inputs, a list where the node is mapped."""
    bound: dict[object, object] = {}
    for name, input in node.inputs.items():
        if isinstance(input.socket.type, TypeVar):
            found = sources[name].type if name in sources else type(values[name]) if name in values else object
            bound[input.socket.type] = found if bound.get(input.socket.type, found) == found else object
    if not bound and not mapped:
        return tuple(output.socket for output in node.outputs)
    return tuple(
        Socket(bound.get(output.socket.type, output.socket.type), output.socket.is_list or mapped, output.socket.optional)
        for output in node.outputs
    )


def _only_links(socket: Socket) -> bool:
    try:
        coerce("", Socket(socket.type), Folders())
    except Misfit as misfit:
        return "needs a link" in misfit.problem.message
    return False


def _is_default(value: object, input: Input) -> bool:
    """A default that no JSON could spell stands as it is."""
    return value is input.default and not isinstance(value, str | int | float | bool)


def _upstream(network: nx.DiGraph[str], targets: Iterable[str]) -> set[str]:
    return _spread_along(network.predecessors, targets)


def _reached(network: nx.DiGraph[str], sources: Iterable[str]) -> set[str]:
    return _spread_along(network.successors, sources)


def _spread_along(neighbours: object, starts: Iterable[str]) -> set[str]:
    seen = set(starts)
    pending = list(seen)
    while pending:
        fresh = [name for name in neighbours(pending.pop()) if name not in seen]  # type: ignore[operator]
        seen.update(fresh)
        pending.extend(fresh)
    return seen
