"""What a safety check found: it travels with the pictures into their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from graph_runtime import NodeError

Hiding = Literal["black", "blurred", "report"]
"""What becomes of a flagged picture; `report` leaves it as it is."""

Entry = dict[str, str | float | bool]


@final
@dataclass(frozen=True)
class SafetyReport:
    """What a safety check found in a batch of pictures.

    Args:
        checker: The name of the checker; empty where there was no check.
        digest: What tells the content of its weights, in hex.
        threshold: The score above which a picture is flagged.
        hide: What became of flagged pictures.
        scores: The score of each picture.
        reason: Why there was no check.
    """

    checker: str = ""
    digest: str = ""
    threshold: float = 0.0
    hide: Hiding = "report"
    scores: tuple[float, ...] = ()
    reason: str = ""

    @property
    def flags(self) -> tuple[bool, ...]:
        """Whether each picture is flagged."""
        return tuple(score > self.threshold for score in self.scores)

    def entries(self, count: int) -> list[Entry]:
        """Tell of each picture of a batch what was found, as it stands in its file.

        Raises:
            NodeError: The report is of another number of pictures.
        """
        if not self.checker:
            return [{"checked": False, "reason": self.reason}] * count
        if len(self.scores) != count:
            raise NodeError(f"it is of {len(self.scores)} pictures, there are {count} to save.", input="report")
        whole: Entry = {"checked": True, "checker": self.checker, "sha256": self.digest, "threshold": self.threshold}
        shown = "as drawn" if self.hide == "report" else self.hide
        pairs = zip(self.scores, self.flags, strict=True)
        return [
            {**whole, "score": score, "flagged": flag, "shown": shown if flag else "as drawn"} for score, flag in pairs
        ]


UNCHECKED = SafetyReport(reason="the workflow has no safety check")
"""The report of pictures that were never checked."""
