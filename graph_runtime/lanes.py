"""Whose turn it is: steps that are ready, in the order of the plan, as far as their lanes have room."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .declaration import Resource
    from .ledger import State

_NO_LANE = ""


class Lanes:
    """The steps of a run that are ready, and the room in each lane.

    Args:
        room: How many steps of each resource run at the same time.
    """

    def __init__(self, room: Mapping[Resource, int]) -> None:
        self._free: dict[str, int] = dict(room.items())
        self._ready: dict[str, list[tuple[int, str]]] = {lane: [] for lane in (_NO_LANE, *room)}

    def enter(self, state: State) -> None:
        """Put a step in line."""
        heapq.heappush(self._ready[_lane(state)], (state.position, state.step.id))

    def ready(self) -> Iterator[str]:
        """Take steps out of the lines while there is room; asks about the room anew for each."""
        for lane, line in self._ready.items():
            while line and (lane == _NO_LANE or self._free[lane] > 0):
                yield heapq.heappop(line)[1]

    def take(self, state: State) -> None:
        """Take up room for a step that starts."""
        if lane := _lane(state):
            self._free[lane] -= 1

    def leave(self, state: State) -> None:
        """Give the room back."""
        if lane := _lane(state):
            self._free[lane] += 1


def _lane(state: State) -> str:
    """Coroutines run in the loop, and what takes another's result runs nowhere: neither takes up room."""
    return _NO_LANE if state.step.node.is_async or state.follows else state.step.node.resource
