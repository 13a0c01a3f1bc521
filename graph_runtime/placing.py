"""Checks one node of a workflow against the library: its kind, its links, its values, the types of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from .builder import Given
from .declaration import Input, Node
from .errors import Hint, Problem, listed, quoted, shown
from .injected import Folders
from .library import Library
from .literals import Misfit, coerce, takes_literals
from .sockets import Kind, Socket, compatible
from .step import Link, Step, Wire
from .workflow import NodeCall

EDITOR_WIDGETS = frozenset(
    {"upload", "image_upload", "control_after_generate", "control_before_generate", "choose file to upload"}
)
"""What editors leave among the inputs of saved files though no node declares it."""

Sources: TypeAlias = Mapping[str, Step | None]
"""The steps that links may name; None stands for a node that is in the workflow but could not be placed."""


def unknown_kind(call: NodeCall, library: Library, hint: Hint) -> Problem:
    """Say that a kind of node is not installed, and which packs could not be loaded."""
    broken = [f"{failure.name} ({shown(failure.reason, 200)})" for failure in library.failures]
    failed = f" These packs could not be loaded: {'; '.join(broken)}." if broken else ""
    where = f" The file says that it is in the pack {quoted(call.pack)}." if call.pack else ""
    message = f"there is no node of the kind {quoted(call.class_type)} in the installed packs.{where}{failed}"
    return Problem("unknown_node", message, nearest=hint(call.class_type, library))


def place(
    name: str, call: NodeCall, node: Node, sources: Sources, folders: Folders, hint: Hint
) -> tuple[Step, list[Problem]]:
    """Check a node's inputs.

    Args:
        name: Its id in the workflow.
        call: What the workflow says.
        node: Its declaration.
        sources: The steps that its links may name.
        folders: Where files to choose from lie.
        hint: Finds the nearest right name.

    Returns:
        The step, and what is wrong with it; a step with problems has only the inputs that are right.
    """
    node = node.widened(call.inputs)
    problems: list[Problem] = []
    wires: dict[str, Wire] = {}
    found: dict[str, Socket] = {}
    values: dict[str, object] = {}
    for key, input in node.inputs.items():
        given = call.inputs.get(key)
        if isinstance(given, Link):
            wire, problem = _wire(given, input, sources, hint)
            if wire is not None:
                source = sources[wire.node]
                assert source is not None
                wires[key], found[key] = wire, source.outputs[wire.output]
        else:
            problem = _value(call, input, folders, values, hint)
        if problem is not None:
            problems.append(problem)
    problems += _unknown_inputs(call, node, hint)
    mapped = frozenset([key for key, one in found.items() if one.is_list and not node.inputs[key].socket.is_list])
    outputs = _resolved(node, found, values, bool(mapped)) if mapped or node.generic else node.output_sockets
    lone = frozenset([key for key in found if node.inputs[key].socket.is_list and _is_lone(found[key])])
    return Step(name, node, call.title, values, wires, outputs, mapped, lone), problems


def _is_lone(source: Socket) -> bool:
    """Tell whether what may well be a list is one value all the same."""
    return not source.is_list and isinstance(source.type, Kind)


def _unknown_inputs(call: NodeCall, node: Node, hint: Hint) -> list[Problem]:
    if node.further is not None:
        return []
    strange = [key for key in call.inputs if key not in node.inputs and not _left_by_editor(key, call)]
    if not strange:
        return []
    has = f"{node.id} takes {listed(node.inputs)}" if node.inputs else f"{node.id} takes none"
    message = f"there is no such input; {has}."
    return [Problem("unknown_input", message, input=key, nearest=hint(key, node.inputs)) for key in strange]


def _left_by_editor(key: str, call: NodeCall) -> bool:
    return key in EDITOR_WIDGETS and not isinstance(call.inputs[key], Link)


def _wire(link: Link, input: Input, sources: Sources, hint: Hint) -> tuple[Wire | None, Problem | None]:
    if link.node not in sources:
        message = f"is linked to node {quoted(link.node)}, which is not in the workflow."
        if isinstance(link.output, str) and input.socket.is_list and takes_literals(input.socket):
            pair = f"[{quoted(link.node)}, {quoted(link.output)}]"
            message += f' Should it be a list of two texts, write {{"__value__": {pair}}}.'
        return None, Problem("bad_link", message, input=input.name, nearest=hint(link.node, sources))
    source = sources[link.node]
    if source is None:
        return None, None  # the source has problems of its own, told there
    names = source.node.output_names
    index = names.index(link.output) if link.output in names else link.output
    if not isinstance(index, int) or not 0 <= index < len(names):
        return None, _no_output(source, link, input, hint)
    return Wire(link.node, index), _misfit(source, index, input)


def _no_output(source: Step, link: Link, input: Input, hint: Hint) -> Problem:
    names = [f"{place} {name}" for place, name in enumerate(source.node.output_names)]
    has = f"has {listed(names)}" if names else "has no outputs"
    message = (
        f"is linked to output {quoted(link.output)} of node {shown(source.id)} ({shown(source.name)}), which {has}."
    )
    return Problem("bad_link", message, input=input.name, nearest=hint(link.output, source.node.output_names))


def _misfit(source: Step, index: int, input: Input) -> Problem | None:
    """Tell when what comes over a link is not what the input takes; both sides are named with their types."""
    found, needed = source.outputs[index], input.socket
    fits = found.type is needed.type or compatible(found.type, needed.type)
    perhaps_nothing = found.optional and not needed.optional and needed.type is not object
    if fits and not perhaps_nothing:
        return None
    comes = f"found {'perhaps nothing, or ' if fits and perhaps_nothing else ''}{found}"
    kind = "" if source.name in (source.node.title, source.node.id) else f", of the kind {source.node.id}"
    place = f"from node {shown(source.id)} ({shown(source.name)}{kind}), output {source.node.outputs[index].name}"
    details = (("found", found), ("needed", needed), ("source", source.id))
    return Problem(
        "type_mismatch",
        f"{comes} {place}; needs {needed}.",
        input=input.name,
        nearest="" if fits else _fitting(source, needed),
        details=details,
    )


def _fitting(source: Step, needed: Socket) -> str:
    """Another output of the same node that fits."""
    outputs = zip(source.node.output_names, source.outputs, strict=True)
    return next((f"its output {name}" for name, one in outputs if compatible(one.type, needed.type)), "")


def _value(call: NodeCall, input: Input, folders: Folders, values: dict[str, object], hint: Hint) -> Problem | None:
    if input.name not in call.inputs and input.required:
        by = " or a link" if takes_literals(input.socket) else " from a link"
        return Problem("missing_input", f"is missing; needs {input.socket}{by}.", input=input.name)
    value = call.inputs.get(input.name, input.default)
    try:
        values[input.name] = value if _stands_as_it_is(value, input) else coerce(value, input.socket, folders)
    except Misfit as misfit:
        return misfit.problem(input.name, hint)
    return None


def _stands_as_it_is(value: object, input: Input) -> bool:
    """A Python value needs no JSON spelling, and neither does a default that has none."""
    return isinstance(value, Given) or (value is input.default and not isinstance(value, str | int | float | bool))


def _resolved(
    node: Node, found: Mapping[str, Socket], values: Mapping[str, object], mapped: bool
) -> tuple[Socket, ...]:
    """The type of each output here: type variables bound by the inputs, a list where the node is mapped."""
    bound: dict[object, object] = {}
    for key, input in node.inputs.items():
        variable = input.socket.type
        if isinstance(variable, TypeVar) and (key in found or key in values):
            kind = found[key].type if key in found else _type_of(values[key])
            bound[variable] = kind if bound.get(variable, kind) == kind else object
    return tuple(
        Socket(
            bound.get(one.type, object) if isinstance(one.type, TypeVar) else one.type,
            one.is_list or mapped,
            one.optional,
        )
        for one in node.output_sockets
    )


def _type_of(value: object) -> object:
    """The type of a value that stands on a socket of any type; what a list or nothing holds can only be seen later."""
    value = value.value if isinstance(value, Given) else value
    return object if value is None or isinstance(value, list | dict) else type(value)
