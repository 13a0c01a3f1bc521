"""Loads the packs of the tests and runs graphs of their nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graph_runtime import Cache, Executor, Folders, Library, join
from graph_runtime.api_format import from_json
from graph_runtime.comfy.packs.loading import Comfy
from graph_runtime.discovery import of_path, packs_in
from tests.engine.runs import Told

PATIENCE = 120
"""Seconds that a run may take: the machine may have other things to do."""

SHELF = Path(__file__).parent / "shelf"


def load(folders: Folders, before: Library | None = None, shelf: Path = SHELF) -> Library:
    """Load all packs of a shelf, behind those that are there."""
    library = before or Library()
    for path in packs_in(shelf):
        library += of_path(path, library, Comfy(folders))
    return library


def places(path: Path) -> Folders:
    """Folders below a path; the folder for pictures is there."""
    (path / "input").mkdir(exist_ok=True)
    return Folders(path / "input", path / "output", (path / "models",), path / "temp", path / "state")


def inside(library: Library) -> dict[str, Any]:
    """What stands in the pack as this library has it."""
    found: dict[str, Any] = library["KitchenNumber"].source.cook.__globals__  # type: ignore[attr-defined]
    return found


def cook(
    library: Library, folders: Folders, nodes: Mapping[str, tuple[str, Mapping[str, object]]],
    targets: Iterable[str] = (), cache: Cache | None = None,
) -> Told:  # fmt: skip
    """Join and run nodes that are written short."""
    events: list[Any] = []
    workflow = from_json({id: {"class_type": kind, "inputs": dict(inputs)} for id, (kind, inputs) in nodes.items()})
    graph = join(workflow, library, folders, list(targets) or None)
    with Executor(folders, cache) as executor:
        outcome = asyncio.run(asyncio.wait_for(executor.run(graph, events.append), PATIENCE))
    return Told(outcome, tuple(events))
