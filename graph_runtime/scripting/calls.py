"""One step of a graph as one statement of a script."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType

from ..builder import Given
from ..declaration import MISSING, Node
from ..errors import Problem
from ..injected import SILENT, EditorDocument, Folders, NodeId, Progress, Prompt, Service
from ..results import Expand
from ..step import Step, Wire
from .names import Imports, Names

FACE = "graph_runtime"
_WIDTH = 100
_PLAIN = frozenset({"int", "float", "str", "bool", "dict", "object", "value"})
"""Names of outputs that say nothing about what they hold."""


@dataclass
class Script:
    """What a script has so far.

    Attributes:
        steps: The steps of the graph by id.
        names: The identifiers in use.
        imports: What is imported.
        functions: What the function of each kind of node is called.
        document: The editor's document, where the workflow has one.
        services: The variable that holds the service of each class.
        variables: The variable that holds what each step returned.
        constants: The constants that the calls need.
        together: What the function is called that goes through several lists; "" where none is needed.
    """

    steps: Mapping[str, Step]
    names: Names
    imports: Imports
    functions: Mapping[str, str]
    document: Mapping[str, object]
    services: dict[type[Service], str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    together: str = ""


def refusal(step: Step) -> Problem | None:
    """Say why a step is no plain call; None where it is one."""
    message = ""
    if _expands(step.node):
        message = "makes a sub-graph while it runs, so no plain call gives its result."
    elif not isinstance(step.node.function, FunctionType):
        message = "comes from a pack that is no set of plain functions, so a script cannot call it."
    elif any(isinstance(value, Given) for value in step.values.values()):
        message = "holds a Python value that cannot be written down."
    return Problem("refused", message, step.id, step.title, step.node.id) if message else None


def statement(step: Step, script: Script, used: bool) -> str:
    """Write the call of a step.

    Args:
        step: The step.
        script: What the script has so far; the step's variable is added to it.
        used: Whether anything needs what it returns.

    Returns:
        One statement or, where a sink's values are needed too, two.
    """
    arguments = _literals(step)
    items = {name: script.names.take(name) for name in step.wires if name in step.mapped}
    for name, wire in step.wires.items():
        arguments[name] = items.get(name) or _linked(step, name, wire, script)
    in_order = {name: arguments[name] for name in step.node.inputs if name in arguments}
    call = _call(script.functions[step.node.id], in_order | _injected(step, script), bool(items))
    if step.node.is_async:
        call = f"{script.imports.add('asyncio', 'run')}({call})"
    if items:
        call = _mapped(call, {item: _read(step.wires[name], script) for name, item in items.items()}, script)
    if not used:
        return _told(call, step) if step.node.sink else call
    variable = script.variables[step.id] = script.names.take(*_wishes(step))
    return f"{variable} = {call}" + (f"\n{_told(variable, step)}" if step.node.sink else "")


def _told(shown: str, step: Step) -> str:
    """Print what a sink shows."""
    return f'print(*{shown}, sep="\\n")' if step.mapped else f"print({shown})"


def _expands(node: Node) -> bool:
    """Tell by the annotation whether a function may return a sub-graph."""
    returned = _returned(node)
    return any((typing.get_origin(one) or one) is Expand for one in (returned, *typing.get_args(returned)))


def _returned(node: Node) -> object:
    try:
        return typing.get_type_hints(node.function).get("return")
    except Exception:  # annotations of a wrapped function may name what is not there any more
        return None


def _literals(step: Step) -> dict[str, str]:
    """The values that differ from the defaults."""
    written = {}
    for name, value in step.values.items():
        default = step.node.inputs[name].default
        same = value is default or (default is not MISSING and type(value) is type(default) and value == default)
        if not same:
            written[name] = literal(value)
    return written


def _linked(step: Step, name: str, wire: Wire, script: Script) -> str:
    """What stands on a linked input: a lone value becomes a list where a list is needed."""
    value = _read(wire, script)
    if step.is_lazy(name):
        return f"{script.imports.add(FACE, 'Lazy')}.of({value})"
    source = script.steps[wire.node].outputs[wire.output]
    return f"[{value}]" if step.node.inputs[name].socket.is_list and not source.is_list else value


def _read(wire: Wire, script: Script) -> str:
    """Read an output of a step that was called before."""
    step = script.steps[wire.node]
    output = step.node.outputs[wire.output]
    path = (".values" if step.node.sink else "") + (f".{output.name}" if step.node.named else "")
    variable = script.variables[step.id]
    if not step.mapped:
        return variable + path
    if output.socket.is_list:
        return f"[item for one in {variable} for item in one{path}]"
    return f"[one{path} for one in {variable}]" if path else variable


def _mapped(call: str, lists: Mapping[str, str], script: Script) -> str:
    """Call once for each item; a shorter list repeats its last."""
    if len(lists) == 1:
        ((item, values),) = lists.items()
        return f"[{call} for {item} in {values}]"
    script.together = script.together or script.names.take("together")
    return f"[{call} for {', '.join(lists)} in {script.together}({', '.join(lists.values())})]"


def _injected(step: Step, script: Script) -> dict[str, str]:
    """What is handed in beside the inputs."""
    written: dict[str, str] = {}
    defaults = _defaults(step.node)
    for name, kind in step.node.injected.items():
        if defaults.get(name) is SILENT or (
            kind is EditorDocument and not script.document and defaults.get(name) == {}
        ):
            continue
        if kind is Folders:
            script.imports.add(FACE, "Folders")
            written[name] = "FOLDERS"
        elif kind is NodeId:
            written[name] = f"{script.imports.add(FACE, 'NodeId')}({literal(step.id)})"
        elif kind is Progress:
            written[name] = script.imports.add(FACE, "SILENT")
        elif kind in (Prompt, EditorDocument):
            constant = "PROMPT" if kind is Prompt else "DOCUMENT"
            script.constants.add(constant)
            script.imports.add(FACE, "Prompt" if kind is Prompt else "EditorDocument")
            written[name] = constant
        elif isinstance(kind, type) and issubclass(kind, Service):
            if kind not in script.services:
                script.imports.add(kind.__module__, kind.__qualname__)
                script.services[kind] = script.names.take(name)
            written[name] = script.services[kind]
    return written


def _defaults(node: Node) -> dict[str, object]:
    """The defaults of a function's parameters."""
    return {name: one.default for name, one in inspect.signature(node.function).parameters.items()}


def literal(value: object) -> str:
    """Write a value as Python does, with the quotation marks that formatters like."""
    text = repr(value)
    if not isinstance(value, str) or '"' in text or "\\'" in text:
        return text
    return f'"{text[1:-1]}"'


def _call(function: str, arguments: Mapping[str, str], inline: bool) -> str:
    line = f"{function}({', '.join(f'{name}={value}' for name, value in arguments.items())})"
    if len(line) <= _WIDTH or inline:
        return line
    return f"{function}(\n" + "".join(f"    {name}={value},\n" for name, value in arguments.items()) + ")"


def _wishes(step: Step) -> tuple[str, ...]:
    """What a variable may be called: by the user's title, by what it holds, by the kind of node."""
    title = step.title if step.title != step.node.title else ""
    holds = step.node.outputs[0].name if len(step.node.outputs) == 1 else ""
    kind = getattr(_returned(step.node), "__name__", "") if step.node.named else ""
    return title, "" if holds in _PLAIN else holds, kind, step.node.id
