"""Which classes a file may name: those that sockets declare, with all that stands in their fields."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

from graph_runtime.cache import types_of
from graph_runtime.declaration import Node, Output, node
from graph_runtime.library import Library
from graph_runtime.sockets import Range, socket

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Colour(enum.Enum):
    """Reached through a type alias in a field."""

    RED = 1


@dataclass(frozen=True)
class Worm:
    """Reached through a dictionary's type."""


@dataclass(frozen=True)
class Core:
    """Stands in a field beside what only type checkers import."""

    weight: dict[str, torch.Tensor | tuple[Worm, ...]]
    parent: Apple[int] | None = None


Paint = Colour | Literal["none"]


@dataclass(frozen=True)
class Apple(Generic[T]):
    """The type of a socket."""

    core: Core | None
    paint: Paint
    inside: T


@dataclass(frozen=True)
class GoldenApple(Apple[int]):
    """Flows where an apple flows."""


@dataclass(frozen=True)
class Stone:
    """Nobody mentions it."""


@dataclass(frozen=True)
class Label:
    """Reached through a TypedDict."""


@dataclass(frozen=True)
class Twig:
    """Reached through a NewType."""


class Crate(TypedDict):
    """A dictionary with known names."""

    label: Label
    pixels: torch.Tensor


class Halves(NamedTuple):
    """Two outputs."""

    left: Apple[int]
    right: Crate


Stick = NewType("Stick", Twig)
Picture = NewType("Picture", "torch.Tensor")
Low = Annotated[int, Range(0, 1)]


@node()
def halve(
    sticks: list[Stick], picture: Picture, low: Annotated[int, Range(0, 1)], crate: Crate | None = None
) -> Halves:
    """Halve something."""
    raise NotImplementedError


def test_everything_that_sockets_reach_is_known() -> None:
    """Through fields, unions, aliases, NewTypes and TypedDicts, though torch is only there for type checkers."""
    found = types_of(Library.of("apples", halve))
    assert found >= {Apple, GoldenApple, Core, Worm, Colour, Label, Twig}
    assert Stone not in found


def test_only_classes_that_say_what_they_hold_are_known() -> None:
    """Never a class such as `Path` or `Popen`, whatever a pack imports."""
    for kind in types_of(Library.of("apples", halve)):
        assert kind.__module__ == __name__


def test_a_socket_that_takes_everything_adds_nothing() -> None:
    """`object` is no invitation."""
    outputs = (Output("a", socket(object)), Output("b", socket(Sequence[T])))  # type: ignore[valid-type]
    assert types_of(Library.of("apples", Node("Any", print, "Any", outputs=outputs))) == frozenset()
