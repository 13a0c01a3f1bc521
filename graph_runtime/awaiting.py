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
        self._futures: dict[str, set[asyncio.Future[State | None]]] = {}

    def enter(self, state: State, consumer: str, future: asyncio.Future[State | None]) -> None:
        """Answer with a step as soon as that is over.

        Args:
            state: The step.
            consumer: The id of the node that awaits it.
            future: What the node awaits.
        """
        if state.settled:
            self.answer(consumer, future, state)
        else:
            self._futures.setdefault(consumer, set()).add(future)
            state.awaited.append(partial(self.answer, consumer, future, state))

    def answer(self, consumer: str, future: asyncio.Future[State | None], state: State | None) -> None:
        """Resolve what a node awaits, with None where nothing will come of it."""
        futures = self._futures.get(consumer, set())
        futures.discard(future)
        if not futures:
            self.over(consumer)
        self._outbox.put(_resolve, future, state)

    def over(self, consumer: str) -> None:
        """Count a node no longer: it is over, though it may have left a task behind that awaits."""
        self._futures.pop(consumer, None)

    def are_all(self, active: int) -> bool:
        """Tell whether all active nodes await something that is not over: then nothing will ever be."""
        if active > len(self._futures):
            return False
        return active == sum(not all(one.done() for one in futures) for futures in self._futures.values())


def _resolve(future: asyncio.Future[State | None], state: State | None) -> None:
    if not future.done():
        future.set_result(state)
