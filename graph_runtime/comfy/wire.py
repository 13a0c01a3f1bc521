"""Wire words: what ComfyUI's protocol calls the types of sockets.

A socket's word is the upper-case name of its type: `Image` is IMAGE, `ControlNet` is CONTROL_NET. Several words joined
by commas are a set; a link fits when the sets of its two ends meet. An output offers the words of all that it flows
into, so the editor links an edge map to a picture and a whole number to a number.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Literal, NewType, TypeVar, Union, get_args, get_origin

from ..sockets import Kind, Socket

ANYTHING = "*"

_PLAIN: dict[object, str] = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN", object: ANYTHING}
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNNAMED = frozenset({"builtins", "typing", "abc", "enum"})


class WireType(Kind):
    """A type that is known by its word alone, as nodes written for ComfyUI declare theirs.

    Args:
        word: The word; packs bring texts with a comparison of their own.
        literal: Whether a workflow file can write its values down.
        open: Whether whatever comes is taken: the node itself checks it.
    """

    def __init__(self, word: str, literal: bool = False, open: bool = False) -> None:
        self.word = word
        self.literal = literal
        self.open = open

    def takes(self, source: object) -> bool:
        """Compare words as ComfyUI does."""
        received = source.word if isinstance(source, WireType) else offered(Socket(source))
        return self.open or _meet(received, self.word)

    def flows_into(self, target: object) -> bool:
        """Compare words as ComfyUI does."""
        return _meet(self.word, taken(Socket(target)))

    def __str__(self) -> str:
        return str(self.word)


def _meet(received: str, needed: str) -> bool:
    """Tell whether two ends of a link fit: by the word's own comparison, which packs override, then as sets."""
    if not received != needed:  # noqa: SIM202 - packs override this very comparison
        return True
    came, fit = ({word.strip() for word in side.split(",")} for side in (received, needed))
    return ANYTHING in came or ANYTHING in fit or not came.isdisjoint(fit)


def taken(socket: Socket) -> str:
    """The words that an input takes."""
    return _joined(_own(socket.type))


def offered(socket: Socket) -> str:
    """The words that an output offers: its own, and those of the types that its values flow into."""
    return _joined(_flowing(socket.type))


def widget(socket: Socket) -> str:
    """The word of the widget that edits a value: of several types, the one that can write down the most.

    Where nothing may stand, it is a text or a choice, which can be left empty.
    """
    found = set(_plain(socket.type))
    if socket.optional:
        return "COMBO" if found == {"BOOLEAN"} else "STRING"
    return next((word for word in ("STRING", "FLOAT", "INT", "BOOLEAN") if word in found), "STRING")


def _plain(kind: object) -> Iterator[str]:
    """The words of the plain types that a type comes down to."""
    if isinstance(kind, NewType):
        yield from _plain(kind.__supertype__)
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _plain(member)
    elif get_origin(kind) is Literal:
        yield from (_PLAIN[type(value)] for value in get_args(kind))
    elif kind in _PLAIN:
        yield _PLAIN[kind]


def _joined(words: Iterator[str]) -> str:
    found = tuple(dict.fromkeys(words))
    return ANYTHING if ANYTHING in found else ",".join(found)


def _own(kind: object) -> Iterator[str]:
    """The words of a type; several for a union."""
    if isinstance(kind, WireType):
        yield from (word.strip() for word in kind.word.split(","))
    elif kind in _PLAIN:
        yield _PLAIN[kind]
    elif isinstance(kind, TypeVar):
        yield ANYTHING
    elif get_origin(kind) is Literal:
        yield "COMBO"
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _own(member)
    else:
        named = kind if isinstance(kind, NewType | type) else get_origin(kind)
        yield _BOUNDARY.sub("_", str(getattr(named, "__name__", kind))).upper()


def _flowing(kind: object) -> Iterator[str]:
    """The words of a type and of everything that its values flow into; of what all members share, for a union."""
    yield from _own(kind)
    if isinstance(kind, NewType):
        if isinstance(kind.__supertype__, NewType) or kind.__supertype__ in _PLAIN:
            yield from _flowing(kind.__supertype__)
    elif get_origin(kind) is Literal:
        for value in get_args(kind):
            yield from _flowing(type(value))
    elif kind is int:
        yield "FLOAT"
    elif isinstance(kind, type) and kind not in _PLAIN:
        for above in kind.__mro__[1:]:
            if above.__module__ not in _UNNAMED:
                yield from _own(above)
