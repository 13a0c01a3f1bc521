"""What a safety check found: it travels with the pictures into their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from graph_runtime import NodeError

Treatment = Literal["black", "blurred", "report"]
"""What becomes of a flagged picture; `report` leaves it as it is."""

Entry = dict[str, str | float | bool]


@final
@dataclass(frozen=True)
class Finding:
    """What a safety check found in one picture.

    Args:
        checker: The name of the checker; empty where there was no check.
        digest: What tells the content of its weights, in hex.
        threshold: The score above which a picture is flagged.
        score: The score of this one.
        hide: What becomes of flagged pictures.
        reason: Why there was no check.
    """

    checker: str = ""
    digest: str = ""
    threshold: float = 0.0
    score: float = 0.0
    hide: Treatment = "report"
    reason: str = ""

    @property
    def flagged(self) -> bool:
        """Whether the picture is flagged."""
        return bool(self.checker) and self.score > self.threshold

    @property
    def entry(self) -> Entry:
        """What stands in the picture's file."""
        if not self.checker:
            return {"checked": False, "reason": self.reason}
        weights: Entry = {"checked": True, "checker": self.checker, "sha256": self.digest, "threshold": self.threshold}
        shown = self.hide if self.flagged and self.hide != "report" else "as drawn"
        return {**weights, "score": self.score, "flagged": self.flagged, "shown": shown}


@final
@dataclass(frozen=True)
class SafetyReport:
    """What safety checks found in pictures, in their order."""

    findings: tuple[Finding, ...]

    @property
    def flags(self) -> tuple[bool, ...]:
        """Whether each picture is flagged."""
        return tuple(finding.flagged for finding in self.findings)

    @property
    def scores(self) -> tuple[float, ...]:
        """The score of each picture."""
        return tuple(finding.score for finding in self.findings)

    def entries(self, count: int) -> list[Entry]:
        """Tell what stands in the files of so many pictures: one for each, or of all of them in one sheet.

        The entry of a sheet is that of a picture that was not checked, if there is any; else of the worst one.

        Raises:
            NodeError: The report is of another number of pictures.
        """
        if len(self.findings) == count:
            return [finding.entry for finding in self.findings]
        if count != 1 or not self.findings:
            raise NodeError(f"it is of {len(self.findings)} pictures, there are {count} to save.", input="report")
        worst = max(self.findings, key=lambda one: (not one.checker, one.flagged, one.score - one.threshold))
        return [{**worst.entry, "pictures": len(self.findings)}]


NEVER = Finding(reason="the workflow has no safety check")
"""What is found in a picture that was never checked."""
