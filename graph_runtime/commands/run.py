"""`controlgraph run`: runs workflows and shows how they go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from .. import records
from ..cache import Cache, MemoryCache, TieredCache
from ..errors import WorkflowError, remedies
from ..executor import Cancellation, Executor, Outcome
from ..graph import Graph
from ..library import Library
from ..metadata import Metadata
from . import opening, terminal
from .display import Display, Plain
from .interrupts import interrupts
from .jobs import Job, jobs_of
from .jsonlines import FIELDS, JsonLines, invalid
from .options import (
    FILES,
    MEMORY,
    METADATA,
    MODEL_MEMORY,
    NO_CACHE,
    OUT,
    SETTINGS,
    SWEEPS,
    TARGETS,
    Places,
    places,
    refuse_unwritable,
)

EXIT_CODES = {"succeeded": 0, "failed": 1, "interrupted": 130}


@click.command(epilog=FIELDS)
@FILES
@SETTINGS
@SWEEPS
@TARGETS
@OUT
@places
@MEMORY
@MODEL_MEMORY
@NO_CACHE
@METADATA
@click.option("--fetch", is_flag=True, help="Fetch models of the hub that a workflow names and that are not here.")
@click.option("--json", "as_json", is_flag=True, help="Write each event as a line of JSON to the standard output.")
@click.option("--traceback", is_flag=True, help="Show the traceback where a node raises what it did not foresee.")
def command(
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    targets: tuple[str, ...],
    out: Path,
    places: Places,
    memory: int,
    model_memory: int | None,
    no_cache: bool,
    metadata: Metadata,
    fetch: bool,
    as_json: bool,
    traceback: bool,
) -> int:
    """Run workflows.

    Each FILE, - for the standard input, is checked in full before anything runs. Results are kept: only what changed is
    computed again. With --each a FILE runs once for each value. Ctrl-C stops a run within a step. The exit code is 0
    when everything went well, 1 when a node failed, 2 when a workflow cannot run, and 130 when the run was cancelled.
    """
    refuse_unwritable(out=out, state=places.state)
    nodes = opening.library(places.nodes, places.folders())
    folders = places.folders(out, fetch, model_memory)
    jobs, errors = jobs_of(files, nodes, folders, settings, sweeps, targets)
    if errors:
        _refuse(errors, as_json)
        return 2
    display = _display(as_json, traceback, len(jobs))
    cache = None if no_cache else _cache(places, nodes, memory, display)
    with display, Executor(folders, cache, metadata=metadata, results=False) as executor:
        return _run_all(jobs, executor, display, places.state)


def _run_all(jobs: Sequence[Job], executor: Executor, display: Display, state: Path) -> int:
    """Run one workflow after the other; a failure does not stop the next, Ctrl-C does."""
    states = []
    for job in jobs:
        display.begin(job)
        with terminal.naming_new(executor.folders.output, display.made):
            outcome = asyncio.run(_run(executor, job.graph, display))
        display.end(outcome)
        if problem := records.save(state, job.file, job.graph, outcome):
            display.note(f"warning: {problem}")
        states.append(outcome.state)
        if outcome.state == "interrupted":
            break
    display.close(states, len(jobs))
    return max(map(EXIT_CODES.__getitem__, states))


async def _run(executor: Executor, graph: Graph, display: Display) -> Outcome:
    cancellation = Cancellation()
    with interrupts(cancellation, display.note):
        return await executor.run(graph, display, cancellation)


def _refuse(errors: Sequence[WorkflowError], as_json: bool) -> None:
    for error in errors:
        terminal.complain(error.brief)
        if as_json:
            invalid(error)
    for line in remedies(errors):
        terminal.complain(line)


def _display(as_json: bool, traceback: bool, runs: int) -> Display:
    if as_json:
        return JsonLines(traceback)
    if terminal.is_live():
        from .live import Live

        return Live(traceback, runs)
    return Plain(traceback, runs)


def _cache(places: Places, nodes: Library, memory: int, display: Display) -> Cache:
    return TieredCache(MemoryCache(memory), opening.disk(places, nodes, lambda text: display.note(f"warning: {text}")))
