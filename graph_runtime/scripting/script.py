"""Writes a graph as a Python script: one plain call for each node, sources first."""

from __future__ import annotations

import importlib
import pprint
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..declaration import Node
from ..discovery import FOLDER_PREFIX
from ..errors import WorkflowError, shown
from ..graph import Graph
from ..injected import Folders
from ..library import Library
from ..plan import upstream
from ..step import Step
from .calls import FACE, Script, literal, refusal, statement
from .names import Imports, Names

_TOGETHER = '''
def {name}(*lists):
    """Go through lists side by side; a shorter one repeats its last item."""
    count = max(map(len, lists)) if all(lists) else 0
    return [tuple(items[min(place, len(items) - 1)] for items in lists) for place in range(count)]
'''


def to_python(graph: Graph, folders: Folders, packs: Sequence[Path] = ()) -> str:
    """Write what a graph's targets need as a script that gives the same results without the engine.

    Args:
        graph: The graph.
        folders: Where the script reads and writes.
        packs: The folders whose packs it uses, beside the installed ones.

    Returns:
        The text of the script.

    Raises:
        WorkflowError: A node is more than a call; names each of them.
    """
    steps = [graph.steps[id] for id in _in_order(graph)]
    problems = [problem for step in steps if (problem := refusal(step)) is not None]
    if problems:
        raise WorkflowError(problems, graph.workflow.source)
    names = Names()
    imports = Imports(names)
    found = {step.node.id: _imported(step.node, imports) for step in steps}
    functions = {id: name or names.take(id) for id, name in found.items()}
    script = Script(graph.steps, names, imports, functions, graph.workflow.document)
    used = {wire.node for step in steps for wire in step.wires.values()}
    calls = [line for step in steps for line in statement(step, script, step.id in used).split("\n")]
    lines = [
        *_body([*_services(script), *_around(steps, graph.library, imports)], calls),
        *_constants(graph, script),
    ]
    places = _folders(folders, imports)
    looked_up = [f"{functions[id]} = LIBRARY[{literal(id)}].function" for id, name in found.items() if not name]
    head = _head(graph.workflow.source, imports, [_path(folder) for folder in packs], looked_up)
    return "\n".join([*head, f"\nFOLDERS = {places}", *lines]) + "\n"


def _in_order(graph: Graph) -> list[str]:
    """The steps that the targets need, in the order of the graph, which has sources first."""
    needed = set(upstream(graph.steps, graph.targets))
    return [id for id in graph.steps if id in needed]


def _imported(node: Node, imports: Imports) -> str:
    """Import the function of a node; "" where no module has it under its name."""
    function = node.function
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if getattr(sys.modules.get(module), name, None) is not function:
        return ""
    return imports.add(module, name)


def _around(steps: Sequence[Step], library: Library, imports: Imports) -> list[str]:
    """What packs enter around their nodes, as items of a `with`: once for the pack, for its heaviest node."""
    chosen: dict[str, Node] = {}
    for step in steps:
        name = library.pack(step.node.id).name
        known = chosen.get(name)
        light = step.node.resource == "io" or step.node.static
        if not light and (known is None or (step.node.resource == "gpu" and known.resource != "gpu")):
            chosen[name] = step.node
    items = []
    for node in chosen.values():
        around = library.pack(node.id).around
        module, name = around.__module__, around.__qualname__
        function = _imported(node, imports)
        if (
            module != "graph_runtime.library"
            and function
            and getattr(importlib.import_module(module), name, None) is around
        ):
            declare = imports.add("graph_runtime.signature", "declare")
            items.append(f"{imports.add(module, name)}({declare}({function}))")
    return items


def _services(script: Script) -> list[str]:
    """The services that the nodes share, as items of a `with`."""
    if script.services:
        script.imports.add("contextlib", "closing")
    return [f"closing({kind.__name__}.open(FOLDERS)) as {name}" for kind, name in script.services.items()]


def _head(source: str, imports: Imports, packs: Sequence[str], looked_up: Sequence[str]) -> Iterator[str]:
    """What stands before the first call: what the script is, and where its functions come from."""
    imports.add("pathlib", "Path")
    imports.add(FACE, "Folders")
    if packs or looked_up:
        imports.add(FACE, "discover")
    ours = [module for module in imports.modules if module.startswith(FOLDER_PREFIX)]
    standard = [module for module in imports.modules if module.partition(".")[0] in sys.stdlib_module_names]
    name = "".join(letter for letter in shown(Path(source).name) if letter not in '"\\') or "a workflow"
    yield f'"""Gives what {name} gives."""\n'
    yield from imports.lines(*standard)
    yield ""
    yield from imports.lines(*(module for module in imports.modules if module not in (*ours, *standard)))
    if packs or looked_up:
        yield f"\nLIBRARY = discover([{', '.join(packs)}])"
    if ours:
        yield ""
        yield from imports.lines(*ours)
    yield from looked_up


def _body(items: Sequence[str], calls: Sequence[str]) -> Iterator[str]:
    yield '\n\ndef main() -> None:\n    """Call the nodes one after the other."""'
    if items:
        line = f"    with {', '.join(items)}:"
        yield line if len(line) < 120 else "    with (\n" + "".join(f"        {item},\n" for item in items) + "    ):"
    yield from (("        " if items else "    ") + line for line in calls)


def _constants(graph: Graph, script: Script) -> Iterator[str]:
    """What stands behind the calls, since it is long, and the call of it all."""
    if script.together:
        yield "\n" + _TOGETHER.format(name=script.together).rstrip()
    yield "\n"
    values = {"PROMPT": ("Prompt", graph.workflow.to_json()), "DOCUMENT": ("EditorDocument", graph.workflow.document)}
    for name, (kind, value) in values.items():
        if name in script.constants:
            text = pprint.pformat(_plain(value), width=118, sort_dicts=False)
            yield f"{name} = {kind}(\n{_indented(text)}\n)\n" if value else f"{name} = {kind}({{}})\n"
    yield 'if __name__ == "__main__":\n    main()'


def _plain(value: object) -> object:
    """Objects that remember more than their items become plain ones, so that they are written as such."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))


def _folders(folders: Folders, imports: Imports) -> str:
    """The folders of a script; previews go where the system keeps what is temporary, unless a place is given."""
    temp = _path(folders.temp)
    if folders.temp == Folders().temp:
        temp = f'Path({imports.add("tempfile", "gettempdir")}(), "controlgraph")'
    models = "".join(f"{_path(folder)}, " for folder in folders.models).strip()
    parts = [f"input={_path(folders.input)}", f"output={_path(folders.output)}", f"models=({models})", f"temp={temp}"]
    line = f"Folders({', '.join(parts)})"
    return line if len(line) < 110 else "Folders(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _path(path: Path) -> str:
    return f"Path({literal(path.as_posix())})"
