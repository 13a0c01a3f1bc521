"""How a training shows itself: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from graph_runtime.commands import telling, terminal

SMOOTHING, SECONDS_BETWEEN_LINES = 0.98, 30.0


class Watch(Protocol):
    """Is told of every step and of what happens between them."""

    def step(self, step: int, loss: float) -> None:
        """Takes note of the steps done and the last one's loss."""

    def note(self, text: str) -> None:
        """Says something on a line of its own."""


class Average:
    """A moving average of losses that is right from the first one on."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, loss: float) -> float:
        """Adds a loss and gives the average."""
        self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * loss
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        return self._sum / self._weight


class Lines:
    """Writes a line for the first step and then every half minute, for files and pipes.

    Args:
        steps: The steps in all.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._average = steps, Average()
        self._began: tuple[float, int] | None = None
        self._told = 0.0

    def step(self, step: int, loss: float) -> None:
        """Writes the steps, the average loss and the time left, if it is time to."""
        now, average = time.monotonic(), self._average.add(loss)
        since, first = self._began = self._began or (now, step)
        if self._told and now - self._told < SECONDS_BETWEEN_LINES and step < self._steps:
            return
        self._told = now
        left = (now - since) / (step - first) * (self._steps - step) if step > first else 0
        ending = f", {telling.clock(left)} left" if left else ""
        terminal.complain(f"step {step:,} of {self._steps:,}: loss {average:.4f}{ending}")

    def note(self, text: str) -> None:
        """Writes the line."""
        terminal.complain(text)


class Bar:
    """Draws a bar with the steps, the average loss and the time left; lines appear above it.

    Args:
        steps: The steps in all.
    """

    def __init__(self, steps: int) -> None:
        self._console, self._average = Console(stderr=True, highlight=False, markup=False), Average()
        columns = (TextColumn("Training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        self.progress = Progress(*columns, TextColumn("loss {task.fields[loss]}"), console=self._console)
        self._task = self.progress.add_task("", total=steps, loss="")

    def step(self, step: int, loss: float) -> None:
        """Moves the bar."""
        self.progress.update(self._task, completed=step, loss=f"{self._average.add(loss):.4f}")

    def note(self, text: str) -> None:
        """Writes the line above the bar."""
        self._console.print(Text(text))


@contextmanager
def watching(steps: int) -> Iterator[Watch]:
    """Shows a training while it lasts: a bar where somebody watches a terminal, else lines on the standard error.

    Of several processes under `torchrun` only the first is told of steps, so that the others draw no bar.
    """
    if not terminal.is_live() or os.environ.get("RANK", "0") != "0":
        yield Lines(steps)
        return
    bar = Bar(steps)
    with bar.progress:
        yield bar
