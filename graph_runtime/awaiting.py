"""Nodes that await their lazy inputs."""

from __future__ import annotations

import asyncio
from functools import partial

from .inbox import Outbox
from .ledger import State


class Awaiting:
    """Who awaits what in one run.

    Args:
        outbox: Where futures are resolved.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._consumers: dict[asyncio.Future[State | None], str] = {}

    def enter(self, state: State, consumer: str, future: asyncio.Future[State | None]) -> None:
        """Answer with a step as soon as that is over.

        Args:
            state: The step.
            consumer: The id of the node that awaits it.
            future: What the node awaits.
        """
        if state.settled:
            self.answer(future, state)
        else:
            self._consumers[future] = consumer
            state.awaited.append(partial(self.answer, future, state))

    def answer(self, future: asyncio.Future[State | None], state: State | None) -> None:
        """Resolve what a node awaits, with None where nothing will come of it."""
        self._consumers.pop(future, None)
        self._outbox.put(_resolve, future, state)

    def are_all(self, active: int) -> bool:
        """Tell whether all active nodes await something that is not over: then nothing will ever be."""
        if active > len(self._consumers):
            return False
        return active == len({consumer for future, consumer in self._consumers.items() if not future.done()})


def _resolve(future: asyncio.Future[State | None], state: State | None) -> None:
    if not future.done():
        future.set_result(state)
