"""How values look to nodes that were written for another runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .injected import Service


class Guise(ABC):
    """Hands values of one type to nodes that were written for another runtime, and takes them back.

    Attributes:
        kind: The type of the values.
        service: The service that handing out needs, or None.
    """

    kind: type
    service: type[Service] | None = None

    @abstractmethod
    def hand(self, value: object, service: Service | None) -> object:
        """Give a value the look that such nodes know."""

    @abstractmethod
    def recognises(self, value: object) -> bool:
        """Tell whether something that such a node put out is a value in this guise."""

    @abstractmethod
    def take(self, value: object) -> object:
        """Give back the value behind its look.

        Raises:
            NodeError: The node changed it in a way that cannot be carried over.
        """
