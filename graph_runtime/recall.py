"""The cache as one run sees it: what may be taken from it, what may be put into it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .injected import Folders
from .invocation import blocked_in
from .results import Result
from .sealing import untouched
from .step import Step

if TYPE_CHECKING:
    from .cache import Cache


class Recall:
    """Kept results, for one run.

    Args:
        cache: Where they are kept, or None to keep nothing.
        folders: Where the run's files lie; files elsewhere are not what this run is to leave behind.
    """

    def __init__(self, cache: Cache | None, folders: Folders) -> None:
        self._cache = cache
        self._folders = folders
        self._missing: set[str] = set()
        self.idle = False
        """Whether nobody asks for what is kept, so that it is only told to be there."""

    def contains(self, key: str) -> bool:
        """Tell whether a result is likely there, and was not found wanting in this run."""
        return self._cache is not None and key not in self._missing and key in self._cache

    def missing(self, key: str) -> None:
        """Note that a result is not there after all."""
        self._missing.add(key)

    def fetch(self, step: Step, key: str) -> Result | None:
        """Read a kept result, in any thread.

        Returns:
            The result; None where it is gone or damaged, or where files that it shows were changed or removed.
        """
        assert self._cache is not None
        if self.idle:
            return Result(())
        try:
            result = self._cache.get(key)
        except Exception:  # what a cache stumbles over is computed again
            return None
        if result is None or len(result.outputs) != len(step.node.outputs):
            return None
        return result if untouched(result, self._folders) else None

    def keep(self, step: Step, key: str, result: Result) -> None:
        """Keep a result, if its key describes it."""
        if self._cache is None or not step.node.cached or step.fingerprint is None or blocked_in(result):
            return
        with suppress(Exception):  # what a cache cannot take is not kept; that is no reason to lose the run
            self._cache.put(key, result)
