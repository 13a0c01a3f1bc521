"""Finds the classes whose instances may be read back from a file.

A file only ever names a class; it is looked up among those that the nodes' sockets declare, and nothing is imported.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections import ChainMap
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, ForwardRef, NewType, TypeVar, get_args, get_origin, is_typeddict

from ..results import Blocked, Result, Shown, ShownFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..library import Library

OWN_CLASSES = (Result, Shown, ShownFile, Blocked)
"""The runtime's own classes that results hold."""

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def types_of(library: Library) -> frozenset[type]:
    """Collect the dataclasses, named tuples and enumerations that flow between the nodes of a library.

    Args:
        library: The nodes; from their sockets everything is reached that stands in a field, at any depth.

    Returns:
        The classes, with their subclasses.
    """
    return reachable(
        (socket.type, vars(sys.modules.get(node.function.__module__, object)))
        for node in library.values()
        for socket in (*(one.socket for one in node.inputs.values()), *(one.socket for one in node.outputs))
    )


def reachable(types: Iterable[tuple[object, Mapping[str, object]]]) -> frozenset[type]:
    """Collect the declared classes that types mention, directly or in fields.

    Args:
        types: Types, each with the names that texts in it refer to.
    """
    found: set[type] = set()
    seen: set[tuple[object, int]] = set()
    pending = list(types)
    while pending:
        kind, names = pending.pop()
        mark = (kind, id(names)) if isinstance(kind, str) else (id(kind), 0)
        if mark in seen:
            continue
        seen.add(mark)
        if isinstance(kind, type) and is_declared(kind):
            found.add(kind)
        pending.extend(_mentioned(kind, names))
    return frozenset(found)


def is_declared(kind: type) -> bool:
    """Tell whether a class says by itself what its instances hold."""
    named_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return is_dataclass(kind) or named_tuple or (issubclass(kind, enum.Enum) and bool(kind.__members__))


def name_of(kind: type) -> str:
    """Name a class as files do."""
    return f"{kind.__module__}:{kind.__qualname__}"


def _mentioned(kind: object, names: Mapping[str, object]) -> Iterator[tuple[object, Mapping[str, object]]]:
    """What one type is made of."""
    if isinstance(kind, str):
        yield from ((thing, names) for thing in _looked_up(kind, names))
    elif isinstance(kind, ForwardRef):
        yield kind.__forward_arg__, names
    elif isinstance(kind, NewType):
        yield kind.__supertype__, vars(sys.modules.get(kind.__module__ or "", object))
    elif isinstance(kind, TypeVar):
        yield from ((bound, names) for bound in (kind.__bound__, *kind.__constraints__))
    elif get_origin(kind) is not None:
        yield from ((part, names) for part in (get_origin(kind), *get_args(kind)))
    elif isinstance(kind, type) and (is_declared(kind) or is_typeddict(kind)):
        yield from _fields(kind)
        subclasses: list[type] = kind.__subclasses__()
        yield from ((subclass, names) for subclass in subclasses)


def _fields(kind: type) -> Iterator[tuple[object, Mapping[str, object]]]:
    for owner in kind.__mro__:
        module = vars(sys.modules.get(owner.__module__, object))
        names = ChainMap(dict(vars(owner)), dict(module))
        yield from ((annotation, names) for annotation in inspect.get_annotations(owner).values())


def _looked_up(text: str, names: Mapping[str, object]) -> Iterator[object]:
    """Find the things that an annotation's text names.

    The text is not evaluated: what it names may be imported for type checkers alone, and the rest still counts.
    """
    for dotted in _NAME.findall(text):
        first, *rest = dotted.split(".")
        thing = names.get(first)
        for part in rest:
            thing = getattr(thing, part, None)
        if thing is not None:
            yield thing
