"""A node placed in a graph: its checked values and its links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .declaration import Node
from .results import Result
from .sockets import Socket


@dataclass(frozen=True, slots=True)
class Link:
    """Where an input comes from.

    Attributes:
        node: The id of the node it comes from.
        output: Which of its outputs: a position from 0, or a name.
    """

    node: str
    output: int | str = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """A link whose output is known by position."""

    node: str
    output: int


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a graph, with everything about it checked.

    Attributes:
        id: Its id in the workflow.
        node: What it runs.
        title: Its title for people.
        values: The literal inputs, coerced; defaults are filled in.
        wires: The linked inputs.
        outputs: The resolved type of each output.
        mapped: The linked inputs over whose lists the node is mapped; empty when it runs once.
        lone: The linked inputs that take a list and are fed by one value.
        fingerprint: The digest of what it reads beside its inputs; None when only a run can tell, so nothing is reused.
        known: Its result, for a static step.
    """

    id: str
    node: Node
    title: str
    values: Mapping[str, object] = field(default_factory=dict)
    wires: Mapping[str, Wire] = field(default_factory=dict)
    outputs: tuple[Socket, ...] = ()
    mapped: frozenset[str] = frozenset()
    lone: frozenset[str] = frozenset()
    fingerprint: str | None = ""
    known: Result | None = None

    @property
    def name(self) -> str:
        """Its title, or what kind of node it is."""
        return self.title or self.node.title

    def is_lazy(self, name: str) -> bool:
        """Tell whether an input is computed only when the node awaits it; a list that is mapped over comes first."""
        return name in self.node.lazy and name not in self.mapped

    @property
    def sources(self) -> Iterable[str]:
        """The steps that feed it, each once."""
        return {wire.node: None for wire in self.wires.values()}

    @property
    def eager_sources(self) -> Iterable[str]:
        """The steps that feed it before it starts, each once."""
        lazy = self.node.lazy
        if not lazy:
            return self.sources
        return {wire.node: None for name, wire in self.wires.items() if not self.is_lazy(name)}
