"""`controlgraph explain`: tells what a run would compute, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from .. import records
from ..errors import WorkflowError, remedies
from ..explain import Explanation, explain
from ..graph import Graph
from . import opening
from .options import FILES, NO_CACHE, OUT, SETTINGS, TARGETS, Places, places
from .telling import named, shares
from .terminal import complain, say


@click.command()
@FILES
@SETTINGS
@TARGETS
@OUT
@places
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON for each file.")
def command(
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    out: Path,
    places: Places,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Tell what a run of FILE would compute, and why.

    Nothing runs. For each node that would run the first thing is named that differs from the last run of the file.
    """
    nodes = opening.library(places.nodes, places.folders())
    folders = places.folders(out)
    cache = None if no_cache else opening.disk(places, nodes, complain)
    errors: list[WorkflowError] = []
    for file in files:
        try:
            graph = opening.graph(file, nodes, folders, settings, targets)
        except WorkflowError as error:
            complain(error.brief)
            errors.append(error)
            continue
        found = explain(graph, cache, folders, records.load(places.state, file))
        say(json.dumps(_plain(graph, found)) if as_json else "\n".join(_lines(graph, found)))
    for line in remedies(errors):
        complain(line)
    return 2 if errors else 0


def _lines(graph: Graph, found: Explanation) -> Iterator[str]:
    parts = shares(graph, len(found.runs), len(found.reused), len(found.known), "would run")
    parts += [f"{found.idle:,} not needed"] if found.idle else []
    yield f"{graph.workflow.source}: {', '.join(parts)}"
    labels = {id: named(id, graph.steps[id].name) for id in (*(reason.node for reason in found.runs), *found.reused)}
    width = min(60, max(map(len, labels.values()), default=0))
    for reason in found.runs:
        yield f"  runs   {labels[reason.node]:<{width}}  {reason.text}"
    for id in found.reused:
        yield f"  cache  {labels[id]}"


def _plain(graph: Graph, found: Explanation) -> dict[str, object]:
    return {
        "file": graph.workflow.source,
        "runs": [{"node": reason.node, "reason": reason.text} for reason in found.runs],
        "reused": found.reused,
        "known": found.known,
        "idle": found.idle,
    }
