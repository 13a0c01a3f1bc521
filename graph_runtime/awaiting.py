"""Nodes that await their lazy inputs."""

from __future__ import annotations

import asyncio

from .ledger import State


class Awaiting:
    """Who awaits what in one run."""

    def __init__(self) -> None:
        self._consumers: dict[asyncio.Future[None], str] = {}

    async def until_settled(self, state: State, consumer: str) -> None:
        """Return when a step is over.

        Args:
            state: The step.
            consumer: The id of the node that awaits it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state.awaited.append(future)
        self._consumers[future] = consumer
        try:
            await future
        finally:
            del self._consumers[future]

    def are_all(self, active: int) -> bool:
        """Tell whether all active nodes await something that is not over: then nothing will ever be."""
        if active > len(self._consumers):
            return False
        return active == len({consumer for future, consumer in self._consumers.items() if not future.done()})
