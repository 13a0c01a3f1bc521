"""Tells what a run would compute and why: the first thing that differs from the last run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from .cache import Cache
from .errors import quoted, shown
from .graph import Graph
from .injected import Folders
from .keys import Ingredients
from .plan import Names, Plan, plan
from .recall import Recall
from .records import Record
from .step import Step

_LONGEST = 2000
_SEEN, _BEFORE = 40, 12
"""How much of a value is told, and how much of that stands before the first difference."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node runs."""

    node: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a run would do.

    Attributes:
        runs: The nodes that would run, sources first, each with its reason.
        reused: The nodes whose kept results would be used, in the order of the graph.
        known: The nodes whose results are known without running, likewise.
        idle: How many nodes are not needed: only reused ones need them, or nothing does.
    """

    runs: tuple[Reason, ...]
    reused: tuple[str, ...]
    known: tuple[str, ...]
    idle: int


def explain(graph: Graph, cache: Cache | None, folders: Folders, records: Mapping[str, Record]) -> Explanation:
    """Plan a run and compare it with the last one.

    Args:
        graph: What would run.
        cache: Where results are kept, or None where none are.
        folders: Where the run would read and write.
        records: What went into the last results, by node.
    """
    names = Names(graph.steps, graph.library, "explained")
    names.name(graph.targets)
    recall = Recall(cache, folders)
    sinks = {key: graph.steps[id] for id, key in names.keys.items() if graph.steps[id].node.sink}

    def kept(key: str) -> bool:
        """Tell whether a result can be taken; of a sink only while the files that it saved are as it left them."""
        return recall.contains(key) and (key not in sinks or recall.fetch(sinks[key], key) is not None)

    planned = plan(names, graph.targets, kept)
    compare = _Comparison(graph, planned, records, recall.contains)
    runs = tuple(Reason(id, compare.reason(id)) for id in planned.order)
    taken = set(planned.reused)
    known = tuple(id for id in graph.steps if id in taken and graph.steps[id].known is not None)
    reused = tuple(id for id in graph.steps if id in taken and graph.steps[id].known is None)
    return Explanation(runs, reused, known, len(graph.workflow.nodes) - len(runs) - len(planned.reused))


class _Comparison:
    """Compares the steps of a plan with their records."""

    def __init__(
        self, graph: Graph, planned: Plan, records: Mapping[str, Record], contains: Callable[[str], bool]
    ) -> None:
        self.graph = graph
        self.planned = planned
        self.records = records
        self.contains = contains
        self.running = set(planned.order)
        self.owners = {record.key: id for id, record in records.items()}

    def reason(self, id: str) -> str:
        """Why a step runs."""
        step, record = self.graph.steps[id], self.records.get(id)
        if not step.node.cached:
            return "its results are never kept"
        if step.fingerprint is None:
            return "what it reads is known only when it runs"
        if record is None:
            return "it never ran"
        if record.key == self.planned.keys[id]:
            if self.contains(record.key):
                return "what it saved is no longer there as it left it"
            return "its result is no longer kept"
        now = self.planned.ingredients[id]
        return next(self.differences(step, record.ingredients, now), "something that it depends on changed")

    def differences(self, step: Step, old: Ingredients, new: Ingredients) -> Iterator[str]:
        """What differs between two lists of ingredients, the cause that says most first."""
        if old.get("node") != new["node"]:
            yield f"it was {quoted(old.get('node'))} in the last run"
        if old.get("version") != new["version"]:
            yield f"its node changed from version {shown(old.get('version'))} to {new['version']}"
        yield from self.literals(_inputs(old), _inputs(new))
        if old.get("fingerprint") != new.get("fingerprint"):
            yield "the file it reads changed"
        if old.get("value") != new.get("value"):
            yield "its value changed"
        yield from self.links(step, _inputs(old), _inputs(new))
        yield from _environment(old.get("environment"), new.get("environment"))
        if old.get("id") != new.get("id"):
            yield "it has another id"

    def literals(self, old: Mapping[str, list[object]], new: Mapping[str, list[object]]) -> Iterator[str]:
        """The inputs whose values differ, and inputs that came or went."""
        for name in [*new, *(name for name in old if name not in new)]:
            before, after = old.get(name), new.get(name)
            if before == after or (_is_link(before) and _is_link(after)):
                continue
            old_text, new_text = _contrasted(before, after)
            yield f"its input {shown(name)} {self.was(before, old_text)}, {self.now(after, new_text)}"

    def was(self, value: list[object] | None, text: str) -> str:
        if value is None:
            return "was not there"
        return f"came from {self.source(value)}" if _is_link(value) else f"was {text}"

    def now(self, value: list[object] | None, text: str) -> str:
        if value is None:
            return "is gone"
        return "now comes by a link" if _is_link(value) else f"is {text}"

    def source(self, link: list[object]) -> str:
        """The node that a recorded link came from."""
        owner = self.owners.get(str(link[1]))
        return self.name(owner) if owner is not None else "another node"

    def links(self, step: Step, old: Mapping[str, list[object]], new: Mapping[str, list[object]]) -> Iterator[str]:
        """The inputs that come from elsewhere than in the last run, or whose source gives something else."""
        for name, wire in step.wires.items():
            before, after = old.get(name), new.get(name)
            if before is None or after is None or before == after:
                continue
            owner = self.owners.get(str(before[1]))
            if owner is not None and owner != wire.node:
                yield f"its input {name} came from {self.name(owner)}, and comes from {self.name(wire.node)}"
            elif owner == wire.node and before[2] != after[2]:
                yield f"its input {name} came from another output of {self.name(wire.node)}"
            elif wire.node in self.running:
                yield f"{self.name(wire.node)} runs"
            else:
                yield f"{self.name(wire.node)} gives another result than in the last run"

    def name(self, id: str) -> str:
        step = self.graph.steps.get(id)
        return f"node {shown(id, 40)}" + (f" ({shown(step.name, 60)})" if step is not None else "")


def _inputs(found: Ingredients) -> Mapping[str, list[object]]:
    inputs = found.get("inputs")
    return cast("Mapping[str, list[object]]", inputs) if isinstance(inputs, dict) else {}


def _is_link(value: list[object] | None) -> bool:
    return value is not None and value[0] == "from"


def _contrasted(old: list[object] | None, new: list[object] | None) -> tuple[str, str]:
    """Tell two values as JSON writes them, cut so that what they differ in is seen, and a little before it."""
    texts = _text(old), _text(new)
    alike = len([*itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False))])
    start = max(0, alike - _BEFORE) if max(map(len, texts)) > _SEEN else 0
    return _cut(texts[0], start, old), _cut(texts[1], start, new)


def _text(value: list[object] | None) -> str:
    return shown(value[1], _LONGEST) if value is not None and value[0] == "is" else "a value from Python"


def _cut(text: str, start: int, value: list[object] | None) -> str:
    seen = ("…" if start else "") + text[start : start + _SEEN] + ("…" if start + _SEEN < len(text) else "")
    return f'"{seen}"' if value is not None and value[0] == "is" and isinstance(value[1], str) else seen


def _environment(old: object, new: object) -> Iterator[str]:
    before, after = (found if isinstance(found, dict) else {} for found in (old, new))
    for name in [*after, *before]:
        if before.get(name) != after.get(name):
            changes = f"from {shown(before.get(name, 'nothing'), 40)} to {shown(after.get(name, 'nothing'), 40)}"
            yield f"{shown(name, 40)} changed {changes}"
