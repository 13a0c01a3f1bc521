"""Shows a run on a terminal: a bar for the run, one for each node that reports progress, and a table of times."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from ..events import NodeFailed, NodeFinished, NodeProgressed, NodeStarted
from ..executor import Outcome
from . import telling
from .display import Plain
from .jobs import Job
from .terminal import clean

_STYLES = {
    "error:": "red",
    "warning:": "yellow",
    "done ": "green",
    "failed ": "red",
    "cancelled ": "yellow",
    "  ": "dim",
}
_LABEL = 36


class Count(ProgressColumn):
    """How much is done of how much: `3/20`."""

    def render(self, task: Task) -> Text:
        """Write it, once it is known."""
        return Text(f"{int(task.completed)}/{task.total:.0f}" if task.total else "")


class Time(ProgressColumn):
    """The time that a node still needs, once it can be told."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Write it: `1:05 left`; of the whole run, whose nodes have nothing in common, the time so far."""
        if task.fields.get("whole"):
            return Text(telling.clock(task.elapsed or 0), style="dim")
        left = task.time_remaining
        known = left is not None and task.completed and not task.finished
        return Text(f"{telling.clock(max(1, left or 0))} left" if known else "", style="cyan")


class Live(Plain):
    """Draws bars below the lines that are written.

    Args:
        traceback: Whether to show the traceback of an unforeseen exception.
        runs: How many runs there will be; of several each is named, and no times of single nodes are told.
    """

    def __init__(self, traceback: bool = False, runs: int = 1) -> None:
        super().__init__(traceback, runs)
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bars = self._progress()
        self._tasks: dict[str, TaskID] = {}
        self._run: TaskID | None = None

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def begin(self, job: Job) -> None:
        """Draw the bar of the run."""
        super().begin(job)
        self._tasks.clear()
        self._bars = self._progress()
        self._run = self._bars.add_task("Running", total=None, whole=True)
        self._bars.start()

    def note(self, text: str) -> None:
        """Write a line above the bars."""
        style = next((style for start, style in _STYLES.items() if text.startswith(start)), "")
        self._console.print(Text(text, style=style), soft_wrap=True)

    def say(self, text: str) -> None:
        """Write a line of what was asked for: above the bars, too, where both streams are one terminal."""
        if sys.stdout.isatty():
            self._console.print(Text(text), soft_wrap=True)
        else:
            super().say(text)

    def started(self, event: NodeStarted) -> None:
        """Show what runs in the bar of the run."""
        self._advance()

    def progressed(self, event: NodeProgressed) -> None:
        """Draw a bar for the node."""
        if event.node not in self._tasks:
            label = f"  {clean(self._names[event.node], _LABEL - 2)}"
            self._tasks[event.node] = self._bars.add_task(label, total=event.total)
        self._bars.update(self._tasks[event.node], completed=event.done, total=event.total)
        self._advance()

    def finished(self, event: NodeFinished | NodeFailed) -> None:
        """Take the node's bar away and move the bar of the run."""
        self._done += 1
        self._running.pop(event.node, None)
        if event.node in self._tasks:
            self._bars.remove_task(self._tasks.pop(event.node))
        self._advance()

    def _advance(self) -> None:
        """Move the bar of the run; what runs without a bar of its own is named there."""
        if self._run is None:
            return
        quiet = next((id for id in reversed(self._running) if id not in self._tasks), "")
        label = clean(self._names[quiet], _LABEL) if quiet else "Running"
        done = self._done + sum(self._running.values())
        self._bars.update(self._run, completed=done, total=max(1, self._done, self._total), description=label)

    def end(self, outcome: Outcome) -> None:
        """Replace the bars by the times."""
        self._bars.stop()
        super().end(outcome)

    def summary(self, outcome: Outcome) -> list[str]:
        """A table of times, and how the run ended."""
        times = telling.timings(outcome, self._graph, self._names) if self._runs == 1 else ()
        return [*times, *super().summary(outcome)]

    def _progress(self) -> Progress:
        title = TextColumn("{task.description}", markup=False)
        return Progress(title, BarColumn(32), Count(), Time(), console=self._console, transient=True)
