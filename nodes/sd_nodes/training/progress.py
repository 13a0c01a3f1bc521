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

    def step(self, step: int, loss: float | None = None) -> None:
        """Takes note of the steps done and the last one's loss, if that is what they are about."""

    def note(self, text: str) -> None:
        """Says something on a line of its own."""


class Average:
    """A moving average of losses that is right from the first one on."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, loss: float | None) -> float | None:
        """Adds a loss and gives the average; None if there was never a loss."""
        if loss is None:
            return None
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

    def step(self, step: int, loss: float | None = None) -> None:
        """Writes the steps, the average loss and the time left, if it is time to."""
        now, average = time.monotonic(), self._average.add(loss)
        since, first = self._began = self._began or (now, step)
        if self._told and now - self._told < SECONDS_BETWEEN_LINES and step < self._steps:
            return
        self._told = now
        left = (now - since) / (step - first) * (self._steps - step) if step > first else 0
        told = [] if average is None else [f"average loss {average:.4f}"]
        told += [f"{telling.clock(left)} left"] if left else []
        terminal.complain(": ".join(filter(None, (f"step {step:,} of {self._steps:,}", ", ".join(told)))))

    def note(self, text: str) -> None:
        """Writes the line."""
        terminal.complain(text)


class Bar:
    """Draws a bar with the steps, the average loss and the time left; lines appear above it.

    Args:
        steps: The steps in all.
        label: What is going on.
    """

    def __init__(self, steps: int, label: str) -> None:
        self._console, self._average = Console(stderr=True, highlight=False, markup=False), Average()
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        self.progress = Progress(*columns, TextColumn("{task.fields[loss]}"), console=self._console)
        self._task = self.progress.add_task("", total=steps, loss="")

    def step(self, step: int, loss: float | None = None) -> None:
        """Moves the bar."""
        average = self._average.add(loss)
        self.progress.update(self._task, completed=step, loss="" if average is None else f"loss {average:.4f}")

    def note(self, text: str) -> None:
        """Writes the line above the bar."""
        self._console.print(Text(text))


@contextmanager
def watching(steps: int, label: str = "Training") -> Iterator[Watch]:
    """Shows a training while it lasts: a bar where somebody watches a terminal, else lines on the standard error.

    Of several processes under `torchrun` only the first is told of steps, so that the others draw no bar.
    """
    if not terminal.is_live() or os.environ.get("RANK", "0") != "0":
        yield Lines(steps)
        return
    bar = Bar(steps, label)
    with bar.progress:
        yield bar
