"""Checks and coerces the literal values of a workflow, so that two spellings of one value are one value."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NewType, Union, get_args, get_origin

from .errors import Hint, NodeError, Problem, ProblemKind, listed, nearest, quoted
from .injected import Folders
from .sockets import Kind, Socket, describe

DEPTH_LIMIT = 100


class Misfit(Exception):
    """A value does not fit its socket.

    Args:
        kind: What sort of problem it is.
        message: What was found and what is needed.
        options: The names of which one was needed; empty where it is no matter of names.
        nearest: The right name that is closest, where it is known already.
        missing: The name of the file that is not there, where that is the reason.
        remedy: The end of the message that says how to come by it.
        details: Facts for programs; `found` is the value.
    """

    def __init__(
        self,
        kind: ProblemKind,
        message: str,
        options: Sequence[str] = (),
        nearest: str = "",
        missing: str = "",
        remedy: str = "",
        **details: object,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.options = options
        self.nearest = nearest
        self.missing = missing
        self.remedy = remedy
        self.details = details

    def problem(self, input: str, hint: Hint = nearest) -> Problem:
        """Say it of an input.

        Args:
            input: Its name.
            hint: Finds the option that comes nearest.
        """
        close = hint(self.details.get("found"), self.options) if self.options else self.nearest
        details = tuple(self.details.items())
        found = Problem(self.kind, self.message, input=input, nearest=close, details=details)
        return replace(found, missing=self.missing, remedy=self.remedy)


def coerce(value: object, socket: Socket, folders: Folders) -> object:
    """Check a literal against its socket and bring it into its one form.

    Where nothing may stand, an empty text is nothing too: it is what a field of a form holds that was left empty.

    Args:
        value: A value as JSON gives it.
        socket: Where it stands.
        folders: Where files to choose from lie.

    Returns:
        The value as the node takes it.

    Raises:
        Misfit: It does not fit.
    """
    if socket.optional and (value is None or (isinstance(value, str) and not value)):
        return None
    if type(value) is socket.type and value.__class__ in (int, str, bool) and not socket.is_list:
        check(value, socket, folders)
        return value
    if isinstance(value, dict) and value.keys() == {"__value__"}:
        value = value["__value__"]
    if socket.is_list:
        items = value if isinstance(value, list) else [value]
        return [_one(item, socket, folders) for item in items]
    return _one(value, socket, folders)


def takes_literals(socket: Socket) -> bool:
    """Tell whether a value of this type can be written in a workflow file; others come over links only."""
    return _is_plain(socket.type)


def _is_plain(kind: object) -> bool:
    if isinstance(kind, NewType):
        return _is_plain(kind.__supertype__)
    if isinstance(kind, Kind):
        return kind.literal
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_plain(member) for member in get_args(kind))
    return kind in (bool, int, float, str, dict, object) or get_origin(kind) in (Literal, dict)


def check(value: object, socket: Socket, folders: Folders) -> None:
    """Check a value that came over a link against bounds and choices.

    Raises:
        Misfit: It lies out of bounds, or is not among the choices.
    """
    if socket.bounds is not None and isinstance(value, int | float) and not isinstance(value, bool):
        _bounded(value, socket)
    if socket.literals and value not in socket.literals:
        _choice(value, [str(literal) for literal in socket.literals])
    if socket.choices is not None and isinstance(value, str):
        if not socket.choices.open:
            _choice(value, list(socket.choices.of(folders)))
        elif socket.choices.find is not None:
            _found(value, socket.choices.find, folders)


def _one(value: object, socket: Socket, folders: Folders) -> object:
    value = _typed(value, socket.type)
    check(value, socket, folders)
    return value


def _typed(value: object, kind: object) -> object:
    if get_origin(kind) is Literal:
        return _closed(value, get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return _first_fit(value, get_args(kind), kind)
    if isinstance(kind, NewType) and kind.__supertype__ in (int, float, str, bool):
        return _typed(value, kind.__supertype__)
    if kind is bool:
        return _boolean(value)
    if kind is int:
        return _integer(value)
    if kind is float:
        return _number(value)
    if kind is str:
        return _text(value)
    if isinstance(kind, Kind) and kind.literal:
        return _data(value, object)
    if kind is object or kind is dict or get_origin(kind) is dict:
        return _data(value, kind)
    raise Misfit("wrong_type", f"found {quoted(value)}, needs a link from a node that puts out {describe(kind)}.")


def _first_fit(value: object, members: tuple[object, ...], kind: object) -> object:
    for member in members:
        try:
            typed = _typed(value, member)
        except Misfit:
            continue
        if type(typed) is type(value):
            return typed
    for member in members:
        try:
            return _typed(value, member)
        except Misfit:
            continue
    raise _wrong(value, describe(kind))


def _wrong(value: object, needed: str) -> Misfit:
    return Misfit("wrong_type", f"found {_said(value)}, needs {needed}.")


def _said(value: object) -> str:
    kinds = {str: "a text", bool: "a truth value", list: "a list", dict: "an object"}
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is no number"
    kind = kinds.get(type(value))
    return "nothing (null)" if value is None else f"{quoted(value)}" + (f" ({kind})" if kind else "")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    raise _wrong(value, "true or false")


def _integer(value: object) -> int:
    number = _parsed(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if isinstance(number, int):
        return number
    raise _wrong(value, "a whole number")


def _number(value: object) -> float:
    number = _parsed(value)
    if number is None:
        raise _wrong(value, "a number")
    try:
        return float(number)
    except OverflowError:
        raise _wrong(value, "a smaller number") from None


def _parsed(value: object) -> int | float | None:
    """Read a finite number from JSON's number or from a text that is one; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
        except ValueError:
            return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    raise _wrong(value, "a text")


def _closed(value: object, options: tuple[object, ...]) -> object:
    for option in options:
        if type(option) is type(value) and option == value:
            return option
    raise _not_a_choice(value, [str(option) for option in options])


def _choice(value: object, names: list[str]) -> None:
    if value not in names:
        raise _not_a_choice(value, names)


def _found(value: str, find: Callable[[str, Folders], object], folders: Folders) -> None:
    try:
        find(value, folders)
    except NodeError as error:
        raise Misfit(
            "not_a_choice", error.message, (), error.nearest, error.missing, error.remedy, found=value
        ) from None


def _not_a_choice(value: object, names: list[str]) -> Misfit:
    needed = f"one of {listed(names)}" if names else "a name, but there is none to choose from"
    return Misfit("not_a_choice", f"found {quoted(value)}, needs {needed}.", names, found=value)


def _bounded(value: int | float, socket: Socket) -> None:
    bounds = socket.bounds
    assert bounds is not None
    low, high = bounds.low, bounds.high
    if low is not None and value < low:
        raise Misfit("too_small", f"found {quoted(value)}, needs {_span(low, high)}.", found=value, low=low, high=high)
    if high is not None and value > high:
        raise Misfit("too_large", f"found {quoted(value)}, needs {_span(low, high)}.", found=value, low=low, high=high)


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _data(value: object, kind: object) -> object:
    """Take any JSON data, as long as it holds no NaN and is not nested beyond reason."""
    if kind is not object and not isinstance(value, dict):
        raise _wrong(value, "an object")
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > DEPTH_LIMIT:
            raise Misfit("wrong_type", f"found data nested more than {DEPTH_LIMIT} deep, needs flatter data.")
        if isinstance(item, float) and not math.isfinite(item):
            raise _wrong(item, "finite numbers only")
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        pending.extend((child, depth + 1) for child in children)
    return value
