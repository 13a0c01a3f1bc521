"""`controlgraph validate`: checks workflows in full without running them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ..errors import WorkflowError, listed, remedies
from ..graph import Graph
from ..injected import Folders
from ..plan import upstream
from . import opening
from .jsonlines import plain_problem, plain_problems
from .options import FILES, MODEL_MEMORY, SETTINGS, TARGETS, Places, places
from .telling import counted, named
from .terminal import clean, complain, say


@click.command()
@FILES
@SETTINGS
@TARGETS
@places
@MODEL_MEMORY
@click.option(
    "--json", "as_json", is_flag=True, help="Write a line of JSON for each file: file, problems, warnings, notes."
)
def command(
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    places: Places,
    model_memory: int | None,
    as_json: bool,
) -> int:
    """Check workflows in full without running them.

    Tells everything that is wrong with each FILE: links, types, values, files that are not there. Of those that can
    run, it tells what their models weigh and need while they compute, and where that is more than --memory or than the
    machine has, which settings would fit. The exit code is 0 when all of them can run, and 2 otherwise.
    """
    nodes = opening.library(places.nodes, places.folders())
    folders = places.folders(memory=model_memory)
    errors: list[WorkflowError] = []
    for file in files:
        try:
            graph = opening.graph(file, nodes, folders, settings, targets)
        except WorkflowError as error:
            errors.append(error)
            if as_json:
                say(json.dumps({"file": error.source, **plain_problems(error), "notes": []}))
            else:
                complain(error.brief)
        else:
            told = [*notes(graph, folders)], [*(() if targets else warnings(graph))]
            _tell(graph, *told, as_json)
    for line in () if as_json else remedies(errors):
        complain(line)
    return 2 if errors else 0


def _tell(graph: Graph, notes: Sequence[str], warnings: Sequence[str], as_json: bool) -> None:
    """Say that a graph can run, what it takes, and what is odd about it."""
    if as_json:
        problems = [plain_problem(one) for one in graph.warnings]
        say(json.dumps({"file": graph.workflow.source, "problems": [], "warnings": problems, "notes": notes}))
        return
    say(f"{graph.workflow.source}: {counted(len(graph.workflow.nodes), 'node')}, no problems")
    for note in notes:
        say(f"  {note}")
    for warning in warnings:
        complain(f"  warning: {warning}")


def notes(graph: Graph, folders: Folders) -> Iterator[str]:
    """What the packs tell of a graph that can run, such as how much memory it takes."""
    needed = {id: graph.steps[id] for id in upstream(graph.steps, graph.targets)}
    for pack in graph.library.packs:
        for each in pack.notes:
            yield from map(clean, each(needed, folders))


def warnings(graph: Graph) -> Iterator[str]:
    """What is odd about a graph that can run: nodes that nothing needs, and what is wrong with them."""
    for problem in graph.warnings:
        yield clean(str(problem))
    needed = set(upstream(graph.steps, graph.targets))
    idle = [id for id in graph.workflow.nodes if id not in needed]
    if idle:
        names = listed(named(id, _name(graph, id)) for id in idle)
        yield f"nothing that is saved or shown needs {names}."


def _name(graph: Graph, id: str) -> str:
    step = graph.steps.get(id)
    return step.name if step is not None else graph.workflow.nodes[id].title or graph.workflow.nodes[id].class_type
