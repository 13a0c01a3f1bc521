"""The words in which the commands tell about a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import listed
from ..events import NodeFailed, NodeShowed
from ..executor import Outcome
from ..graph import Graph
from .terminal import clean

_ROWS = 24
_ENDINGS = {"succeeded": "done", "failed": "failed", "interrupted": "cancelled"}
_FRAME = re.compile(r'^  File "(.+?)", line (\d+), in ', re.MULTILINE)


def named(id: str, name: str) -> str:
    """Name a node for people: its title with its id."""
    return f"{clean(name, 60)} ({clean(id, 40)})" if name and name != id else clean(id, 60)


def duration(seconds: float) -> str:
    """Write a time: `0.12 s`, `12.3 s`, `2:05`, `1:02:05`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def clock(seconds: float) -> str:
    """Write a time that goes on, in whole seconds: `8 s`, `2:05`."""
    return f"{round(seconds)} s" if round(seconds) < 60 else duration(seconds)


def counted(count: int, noun: str) -> str:
    """Write a number with its noun: `1 node`, `3 nodes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def failure(failed: NodeFailed, traceback: bool) -> str:
    """Tell what went wrong in a node: for an unforeseen exception also where, with its traceback on demand."""
    problem = failed.problem
    text = clean(str(problem))
    frames = _FRAME.findall(failed.trace)
    if frames:
        file, line = frames[-1]
        text += f" [{clean(Path(file).name)}, line {line}]"
    if traceback and failed.trace:
        lines = "\n".join(f"  {clean(line)}" for line in failed.trace.rstrip().splitlines())
        return f"error: {text}\n{lines}"
    return f"error: {text}"


def shown(showed: NodeShowed) -> Iterator[str]:
    """Tell what a sink saved and said, a line each."""
    for file in showed.shown.files:
        again = " (unchanged)" if showed.reused else ""
        yield f"saved {clean(str(file.path))}{again}" if file.folder == "output" else f"shown {clean(str(file.path))}"
    for text in showed.shown.text:
        for line in text.splitlines():
            yield f"{clean(showed.title, 60)}: {clean(line)}"


def timings(outcome: Outcome, graph: Graph, names: Mapping[str, str]) -> Iterator[str]:
    """Tell how long each node took; of a large graph only the slowest.

    Args:
        outcome: How the run ended.
        graph: What ran.
        names: The names of nodes that came up while it ran.
    """
    ran = sorted(outcome.timings, key=lambda id: -outcome.timings[id])[:_ROWS]
    listed = [id for id in outcome.timings if id in set(ran)]
    cached = [id for id in outcome.reused if graph.steps.get(id) is None or graph.steps[id].known is None]
    shown_cached = cached[: _ROWS - len(listed)]
    rows = [(id, duration(outcome.timings[id])) for id in listed] + [(id, "cached") for id in shown_cached]
    labels = {id: named(id, names.get(id) or (graph.steps[id].name if id in graph.steps else "")) for id, _ in rows}
    width = max((len(label) for label in labels.values()), default=0)
    for id, value in rows:
        yield f"  {labels[id]:<{width}}  {value:>8}"
    rest = len(outcome.timings) - len(listed)
    if rest:
        yield f"  and {counted(rest, 'faster node')}"
    if len(cached) > len(shown_cached):
        yield f"  and {counted(len(cached) - len(shown_cached), 'node')} from the cache"


def ending(outcome: Outcome, shares: Sequence[str], stopped: Sequence[str] = ()) -> str:
    """Tell in a line how a run ended.

    Args:
        outcome: How it ended.
        shares: What became of its nodes.
        stopped: The names of the nodes that were running when it was cancelled.
    """
    during = f" during {listed(stopped, 3)}" if stopped else ""
    return f"{_ENDINGS[outcome.state]} in {duration(outcome.seconds)}{during}: {', '.join(shares)}"


def together(states: Sequence[str], wanted: int) -> str:
    """Tell in a line how several runs ended, of as many as were wanted."""
    counts = [(f"{states.count(state):,} {_ENDINGS[state]}") for state in _ENDINGS if state in states]
    rest = [f"{wanted - len(states):,} not begun"] if wanted > len(states) else []
    return f"{wanted:,} runs: {', '.join([*counts, *rest])}"


def shares(graph: Graph, ran: int, cached: int, known: int, runs: str = "ran") -> list[str]:
    """Tell what becomes of the nodes of a graph: how many of them run, and where the results of others come from.

    Args:
        graph: The graph; all nodes of its workflow count.
        ran: How many run.
        cached: How many kept results are used.
        known: How many results are known without running.
        runs: The word for running.
    """
    parts = [f"{ran:,} of {counted(len(graph.workflow.nodes), 'node')} {runs}"]
    parts += [f"{cached:,} from the cache"] if cached else []
    return [*parts, f"{known:,} known beforehand"] if known else parts
