"""Finds nodes that could stand in a link between two types that do not fit."""

from __future__ import annotations

from typing import TypeVar

from .declaration import Node
from .library import Library
from .literals import takes_literals
from .sockets import Socket, compatible, describe

_MOST = 3


class Bridges:
    """Names nodes that take what is found and give what is needed.

    Args:
        library: The nodes to choose from.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._found: dict[tuple[str, str], list[str]] = {}

    def __call__(self, found: Socket, needed: Socket) -> list[str]:
        """Name a few, those first that need least beside it; none where the types fit as they are.

        Args:
            found: What comes over a link.
            needed: What its input takes.
        """
        pair = str(found), str(needed)
        if pair not in self._found:
            fitting = ((_beside(node), node.id) for node in self._library.values() if _bridges(node, found, needed))
            plain = takes_literals(found) and takes_literals(needed)  # such nodes choose or count, and do not convert
            self._found[pair] = [] if plain or _fits(found, needed) else [id for _, id in sorted(fitting)[:_MOST]]
        return self._found[pair]


def _bridges(node: Node, found: Socket, needed: Socket) -> bool:
    open_inputs = (input for input in node.inputs.values() if input.required and input.socket.choices is None)
    takes = any(_fits(found, input.socket) for input in open_inputs)
    return takes and any(_fits(output.socket, needed) for output in node.outputs)


def _fits(source: Socket, target: Socket) -> bool:
    """Tell whether types fit because they are meant to: what takes or gives anything says nothing."""
    return not any(map(_anything, (source, target))) and compatible(source.type, target.type)


def _anything(socket: Socket) -> bool:
    return socket.type is object or isinstance(socket.type, TypeVar) or describe(socket.type) == "anything"


def _beside(node: Node) -> int:
    """How many inputs a node needs."""
    return sum(input.required for input in node.inputs.values())
