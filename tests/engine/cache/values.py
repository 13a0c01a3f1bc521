"""Toy values that the tests of the cache keep."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from graph_runtime.results import Result


class Ripeness(enum.Enum):
    """How ripe an apple is."""

    GREEN = "green"
    RED = 1


class Taste(enum.Flag):
    """What an apple tastes like."""

    SWEET = 1
    SOUR = 2


@dataclass(frozen=True, slots=True)
class Seedling:
    """A small part of a larger thing."""

    name: str
    height: float = 0.5


@dataclass(frozen=True)
class Tree:
    """A thing with parts."""

    seedlings: tuple[Seedling, ...]
    ripeness: Ripeness = Ripeness.GREEN

    @cached_property
    def tallest(self) -> float:
        """Computed from the fields, so it need not be kept."""
        return max(seedling.height for seedling in self.seedlings)


class Pair(NamedTuple):
    """A named tuple."""

    left: object
    right: object = None


CLASSES = (Ripeness, Taste, Seedling, Tree, Pair)


def key(name: object) -> str:
    """Make a key as the engine does."""
    return hashlib.sha256(str(name).encode()).hexdigest()


def result(size: int, letter: str = "x") -> Result:
    """Make a result that takes up about so many bytes."""
    return Result((letter.encode() * size,))
