"""What happens while a graph runs, one frozen dataclass for each kind of thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .errors import Problem
from .injected import Preview
from .results import Shown


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes:
        runs: The steps that will run, sources first.
        reused: The steps whose kept results are used.
    """

    runs: tuple[str, ...]
    reused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A node begins to compute; `title` and `class_type` say which."""

    node: str
    title: str
    class_type: str


@dataclass(frozen=True, slots=True)
class NodeProgressed:
    """A node reports `done` of `total` steps; `total` is 0 where it is not known."""

    node: str
    done: int
    total: int
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class NodeSaid:
    """A node tells the user something."""

    node: str
    text: str


@dataclass(frozen=True, slots=True)
class NodeShowed:
    """A sink saved or showed something, now or, when `reused`, in an earlier run."""

    node: str
    title: str
    shown: Shown[object]
    reused: bool = False


@dataclass(frozen=True, slots=True)
class NodeExpanded:
    """A node put a sub-graph in its place.

    Attributes:
        node: Its id.
        nodes: The ids of the sub-graph's steps.
        displays: The node at which the progress of a step is shown, where that is not this one.
    """

    node: str
    nodes: tuple[str, ...]
    displays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A node is done.

    Attributes:
        node: Its id.
        seconds: How long it computed; 0 when its result was reused.
        reused: Whether a kept result was used.
    """

    node: str
    seconds: float
    reused: bool = False


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A node failed.

    Attributes:
        problem: What went wrong, for people.
        trace: The traceback of an unforeseen exception, or "".
    """

    node: str
    problem: Problem
    trace: str = ""


@dataclass(frozen=True, slots=True)
class NodeSkipped:
    """A node did not run, because of the node `because` or because it received a block (`because` is "")."""

    node: str
    because: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ends: everything succeeded, something failed, or it was cancelled."""

    state: Literal["succeeded", "failed", "interrupted"]
    seconds: float


Event: TypeAlias = (
    RunStarted
    | NodeStarted
    | NodeProgressed
    | NodeSaid
    | NodeShowed
    | NodeExpanded
    | NodeFinished
    | NodeFailed
    | NodeSkipped
    | RunFinished
)
