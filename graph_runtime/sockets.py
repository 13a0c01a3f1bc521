"""Socket types: what an annotation means, what flows into what, which literal values fit."""

from __future__ import annotations

import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NewType, TypeVar, Union, get_args, get_origin, is_typeddict

from .errors import DeclarationError
from .injected import Folders
from .results import Lazy

SEED_LIMIT = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included, and the step of its widget."""

    low: float | None = None
    high: float | None = None
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that may have several lines."""

    multiline: bool = True


@dataclass(frozen=True, slots=True)
class Choices:
    """A choice among names that are found out when they are needed, such as the files of a folder.

    Attributes:
        of: Gives the names; it is quick, and reads no more than folders.
        open: Whether other names are good too; the node itself then says what it makes of them.
        upload: What an editor may offer to upload into the list, such as "image"; "" for nothing.
        find: Looks where a name leads that need not be among the names, and raises NodeError where it leads nowhere; so
            every file that is missing is told before the run, whatever else is wrong.
    """

    of: Callable[[Folders], Sequence[str]]
    open: bool = False
    upload: str = ""
    find: Callable[[str, Folders], object] | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """A number for which an editor offers a new value at each run."""


Seed = Annotated[int, Range(0, SEED_LIMIT), Fresh()]
"""The seed of a random number generator, 0 to 2**64 - 1."""


class Kind(ABC):
    """A type of sockets that judges for itself what flows into it and where its values flow.

    Attributes:
        literal: Whether a workflow file can write its values down; otherwise they come over links only.
    """

    literal: bool = False

    @abstractmethod
    def takes(self, source: object) -> bool:
        """Tell whether values of a type may flow into a socket of this one."""

    @abstractmethod
    def flows_into(self, target: object) -> bool:
        """Tell whether values of this type may flow into a socket of another one."""


@dataclass(frozen=True, slots=True)
class Socket:
    """What may stand on one input or output.

    Attributes:
        type: The type of one value: a class, NewType, Literal, union, type variable or `Kind`; the item's type for a
            list.
        is_list: Whether it carries a list of such values.
        optional: Whether None may stand there.
        lazy: Whether it is computed only when awaited.
        bounds: Bounds of a number.
        text: How a text is edited.
        choices: Names to choose from.
        fresh: Whether an editor offers a new value at each run.
        lenient: Whether bounds and choices hold for literals only, not for what comes over a link.
    """

    type: object
    is_list: bool = False
    optional: bool = False
    lazy: bool = False
    bounds: Range | None = None
    text: Text | None = None
    choices: Choices | None = None
    fresh: bool = False
    lenient: bool = False

    @property
    def literals(self) -> tuple[object, ...]:
        """The values of a closed choice, or nothing."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    def __str__(self) -> str:
        name = describe(self.type)
        return f"list of {name}" if self.is_list else name


def socket(annotation: object) -> Socket:
    """Read an annotation.

    Args:
        annotation: A resolved type, with its markers in `Annotated`.

    Returns:
        What may stand on the socket.

    Raises:
        DeclarationError: The annotation says nothing that a socket could check, such as `Any`.
    """
    marks: list[object] = []
    lazy = optional = is_list = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            marks += more
        elif origin is Lazy and not lazy:
            (annotation,) = get_args(annotation)
            lazy = True
        elif (rest := _without_none(annotation)) is not None:
            annotation, optional = rest, True
        elif origin in (list, Sequence) and not is_list:
            (annotation,) = get_args(annotation)
            is_list = True
        else:
            break
    if annotation is typing.Any:
        raise DeclarationError(
            "Any says nothing about a socket: name a type, or object for a socket that takes everything."
        )
    return Socket(annotation, is_list, optional, lazy, *_marks(marks))


def _marks(marks: list[object]) -> tuple[Range | None, Text | None, Choices | None, bool]:
    def find(kind: type) -> object:
        return next((mark for mark in marks if isinstance(mark, kind)), None)

    return find(Range), find(Text), find(Choices), find(Fresh) is not None  # type: ignore[return-value]


def _without_none(annotation: object) -> object | None:
    """Take None out of a union; None where it is no union with None."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    rest = [member for member in get_args(annotation) if member is not types.NoneType]
    if len(rest) == len(get_args(annotation)):
        return None
    return Union[tuple(rest)]  # noqa: UP007 - built from a tuple


def describe(kind: object) -> str:
    """Name a type as a person would: `Image`, `integer`, `text`, `one of a, b`."""
    plain = {int: "integer", float: "number", bool: "true or false", str: "text", object: "anything"}
    if isinstance(kind, type) and kind in plain:
        return plain[kind]
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(describe(member) for member in get_args(kind))
    if get_origin(kind) is not None:
        return str(kind).rpartition(".")[2]
    return getattr(kind, "__name__", str(kind))


def compatible(source: object, target: object) -> bool:
    """Tell whether a value of one type may flow into a socket of another.

    The relation has a direction: an edge map flows into a picture, a whole number into a number; not back.

    Args:
        source: The type that comes.
        target: The type that is needed.

    Returns:
        Whether it fits. Where only the value can tell (a text into a choice), it fits, and the value is checked when
        it is there.
    """
    if source is target or source == target or target is object or source is object:
        return True
    if isinstance(target, TypeVar) or isinstance(source, TypeVar):
        return True
    if isinstance(target, Kind):
        return target.takes(source)
    if isinstance(source, Kind):
        return source.flows_into(target)
    if get_origin(source) in (Union, types.UnionType):
        return all(compatible(member, target) for member in get_args(source))
    if get_origin(target) in (Union, types.UnionType):
        return any(compatible(source, member) for member in get_args(target))
    if get_origin(source) is Literal:
        return _literal_fits(get_args(source), target)
    if get_origin(target) is Literal:
        return any(source is type(value) for value in get_args(target))
    if isinstance(source, NewType):
        return compatible(source.__supertype__, target)
    return _class_fits(source, target)


def _literal_fits(values: tuple[object, ...], target: object) -> bool:
    if get_origin(target) is Literal:
        return set(values) <= set(get_args(target))
    return all(compatible(type(value), target) for value in values)


def _class_fits(source: object, target: object) -> bool:
    if source is int and target is float:
        return True
    if source is bool or not isinstance(source, type) or not isinstance(target, type):
        return False
    if is_typeddict(source) or is_typeddict(target):
        return False  # alike were told to fit above, and these answer no questions about subclasses
    return issubclass(source, target)
