"""Remembers what went into the results of each workflow file's last run, to tell later what has changed since."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import atomic
from .executor import Outcome
from .graph import Graph
from .keys import Ingredients

VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """How a node's last result came about.

    Attributes:
        key: The key of the result.
        ingredients: What went into the key.
    """

    key: str
    ingredients: Ingredients


def save(state: Path, file: Path, graph: Graph, outcome: Outcome) -> str:
    """Remember a run; nodes that it did not get to keep what is known of them.

    Args:
        state: The state folder.
        file: The workflow file.
        graph: What ran.
        outcome: How it ended.

    Returns:
        Why nothing could be written, or "".
    """
    kept = {id: record for id, record in load(state, file).items() if id in graph.workflow.nodes}
    for id in _computed(graph, outcome):
        kept[id] = Record(outcome.keys[id], outcome.ingredients[id])
    steps = {id: [record.key, record.ingredients] for id, record in kept.items()}
    data = {"version": VERSION, "file": os.fspath(file.absolute()), "steps": steps}
    try:
        atomic.write(_path(state, file), json.dumps(data, separators=(",", ":")).encode())
    except OSError as error:
        return f"the run is not recorded in {state}: {error.strerror}."
    return ""


def load(state: Path, file: Path) -> Mapping[str, Record]:
    """Give what is known of a workflow file's last run, by node; nothing where there was none or it cannot be read."""
    try:
        data = json.loads(_path(state, file).read_bytes())
        if data["version"] != VERSION:
            return {}
        return {id: Record(str(key), dict(ingredients)) for id, (key, ingredients) in data["steps"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _computed(graph: Graph, outcome: Outcome) -> set[str]:
    """The nodes that have a result: those that ran or were reused, and what had to be there before them."""
    found = {id for id in (*outcome.timings, *outcome.reused) if id in graph.steps}
    pending = list(found)
    while pending:
        fresh = [id for id in graph.steps[pending.pop()].eager_sources if id not in found]
        found.update(fresh)
        pending.extend(fresh)
    return found


def _path(state: Path, file: Path) -> Path:
    name = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()
    return state / "records" / f"{name}.json"
