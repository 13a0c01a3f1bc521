"""Packages of Python that only some nodes need: installed as an extra of this one, and told where they are not."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import final

from graph_runtime import NodeError


@final
@dataclass(frozen=True)
class Extra:
    """A package that comes with an extra.

    Args:
        name: The extra's name.
        purpose: What needs the package, as the beginning of a sentence.
        package: The package's name.
        module: The name by which it is imported.
    """

    name: str
    purpose: str
    package: str
    module: str

    @property
    def installed(self) -> bool:
        """Whether the package can be found; nothing is imported for it."""
        return find_spec(self.module) is not None

    def lacking(self, reason: str = "") -> NodeError:
        """Return the error of the package that is not there, or that cannot be imported for a reason."""
        why = f" ({reason})" if reason else ""
        return NodeError(
            f"{self.purpose} needs the package {self.package}{why}: pip install 'controlgraph[{self.name}]'"
        )

    def demand(self) -> None:
        """Raise a NodeError where the package is not installed."""
        if not self.installed:
            raise self.lacking()


POSE_NETWORKS = Extra("pose", "Finding poses", "ai-edge-litert", "ai_edge_litert")
