"""A table of measurements, as text and as Markdown."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Measurements with a heading.

    Attributes:
        title: What was measured.
        columns: The heads of the columns.
        rows: The cells, as they are shown.
        note: How it was measured.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Write the table in Markdown."""
        lines = [f"**{self.title}**", "", _row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row(row) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def median_seconds(work: Callable[[], object], runs: int = 5, warmups: int = 1) -> float:
    """The median wall-clock time of several runs, in seconds."""
    for _ in range(warmups):
        work()
    return statistics.median(_seconds(work) for _ in range(runs))


def median_pair(first: Callable[[], object], second: Callable[[], object], runs: int = 5) -> tuple[float, float, float]:
    """Time two pieces of work in turn, so that a drift of the machine's speed meets both alike.

    Returns:
        The median of each in seconds, and the median of the ratios, first to second, pair by pair.
    """
    first()
    second()
    pairs = [(_seconds(first), _seconds(second)) for _ in range(runs)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
