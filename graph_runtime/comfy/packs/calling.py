"""What the modules that packs import have to know of the call in which they are used."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from ...injected import SILENT, Folders, Progress, Service


@dataclass(frozen=True)
class Call:
    """One call of a pack's code.

    Attributes:
        folders: Where files lie.
        progress: Tells how far the node is, and whether the run was cancelled.
        node: The id of the node, or "" outside of all nodes.
        services: What nodes share, by class, as far as the call has it.
        graphs: Counts the sub-graphs that are made in the call.
    """

    folders: Folders = field(default_factory=Folders)
    progress: Progress = SILENT
    node: str = ""
    services: Mapping[type[Service], Service] = field(default_factory=dict)
    graphs: Iterator[int] = field(default_factory=itertools.count)


_CALL: ContextVar[Call | None] = ContextVar("call", default=None)
_latest = Call()


def current() -> Call:
    """The call that this thread or task is in; outside of all calls, one that knows the latest folders."""
    return _CALL.get() or Call(_latest.folders)


@contextmanager
def entered(call: Call) -> Iterator[Call]:
    """Be in a call for as long as the block lasts."""
    global _latest
    _latest = Call(call.folders)  # threads that a pack starts by itself know the folders too
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)
