"""What saved files carry of the workflow, and what that means for kept results."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from graph_runtime import EditorDocument, Executor, Folders, Library, Prompt, Shown, ShownFile, node
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeSaid
from graph_runtime.metadata import OLDER, Metadata
from tests.engine.apples import LIBRARY
from tests.engine.runs import Told, graph


@node("Write")
def write(n: int, folders: Folders, prompt: Prompt, document: EditorDocument) -> Shown[None]:
    """Save a number with what it is to carry."""
    folders.output.mkdir(parents=True, exist_ok=True)
    path = folders.output / f"{len(list(folders.output.iterdir()))}.json"
    path.write_text(json.dumps({"n": n, "prompt": prompt, "workflow": document}))
    return Shown((ShownFile(path, media="application/json"),))


@node("Look Around")
def look_around(prompt: Prompt) -> int:
    """Count the nodes of the workflow."""
    return len(prompt)


OURS = LIBRARY + Library.of("files", write, look_around)
NODES = {"a": ("Bump", {"n": 1}), "far": ("Number", {"value": 5}), "save": ("Write", {"n": ["a", 0]})}


def saved(path: Path, nodes: dict, cache: MemoryCache | None, metadata: Metadata, *targets: str) -> tuple[Told, dict]:
    """Run, and give what the file carries that is shown."""
    folders = Folders(output=path)
    events: list = []
    with Executor(folders, cache, metadata=metadata) as executor:
        joined = graph(nodes, *(targets or ("save",)), folders=folders, library=OURS)
        outcome = asyncio.run(executor.run(joined, events.append))
    told = Told(outcome, tuple(events))
    return told, json.loads(outcome.results["save"].shown.files[0].path.read_text())


@pytest.mark.parametrize(
    ("metadata", "carried"), [("full", {"a", "far", "save"}), ("recipe", {"a", "save"}), ("none", set())]
)
def test_files_carry_what_is_wanted(tmp_path: Path, metadata: Metadata, carried: set[str]) -> None:
    _, found = saved(tmp_path, NODES, None, metadata)
    assert found["prompt"].keys() == carried and found["n"] == 2


def test_a_file_that_carries_more_than_is_wanted_is_not_used_again(tmp_path: Path) -> None:
    cache = MemoryCache(10**6)
    for metadata, started in (("full", ["a", "save"]), ("none", ["save"]), ("recipe", ["save"]), ("none", [])):
        told, found = saved(tmp_path, NODES, cache, metadata)
        assert told.started == started
        assert bool(found["prompt"]) is (metadata != "none")


def test_a_kept_file_whose_workflow_is_older_is_told(tmp_path: Path) -> None:
    cache = MemoryCache(10**6)
    assert saved(tmp_path, NODES, cache, "full")[0].of(NodeSaid) == []
    assert saved(tmp_path, NODES, cache, "full")[0].of(NodeSaid) == []
    other = NODES | {"far": ("Number", {"value": 6})}
    told, found = saved(tmp_path, other, cache, "full")
    assert told.started == [] and told.of(NodeSaid) == [NodeSaid("save", OLDER)]
    assert found["prompt"]["far"]["inputs"] == {"value": 5}
    told, found = saved(tmp_path, other | {"a": ("Bump", {"n": 3})}, cache, "full")
    assert found["prompt"]["far"]["inputs"] == {"value": 6} and told.of(NodeSaid) == []


def test_a_recipe_is_the_same_whatever_the_rest_of_the_workflow_is(tmp_path: Path) -> None:
    cache = MemoryCache(10**6)
    saved(tmp_path, NODES, cache, "recipe")
    told, found = saved(tmp_path, NODES | {"far": ("Number", {"value": 6})}, cache, "recipe")
    assert told.started == [] and told.of(NodeSaid) == [] and found["prompt"].keys() == {"a", "save"}


def test_a_node_that_saves_nothing_is_given_the_whole_prompt(tmp_path: Path) -> None:
    nodes = NODES | {"look": ("LookAround", {})}
    told, _ = saved(tmp_path, nodes, None, "none", "save", "look")
    assert told.value("look") == 4


def test_the_order_of_inputs_makes_no_other_workflow(tmp_path: Path) -> None:
    cache = MemoryCache(10**6)
    for far in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        told, _ = saved(tmp_path, NODES | {"far": ("Add", far)}, cache, "full")
        assert told.of(NodeSaid) == []
    assert told.started == []
