"""What was logged lately, for the editor's log panel."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

KEPT = 300
"""Lines that are kept."""

_LONGEST = 4000


class Logs(logging.Handler):
    """Keeps the latest lines, and hands each to whoever listens."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[dict[str, str]] = deque(maxlen=KEPT)
        self.listener: Callable[[dict[str, str]], None] = lambda line: None
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"t": time, "m": self.format(record)[:_LONGEST] + "\n"}
        self.lines.append(line)
        self.listener(line)
