"""Values as JSON trees with blobs beside them, and back; no code is ever read from a file.

Plain JSON stands for itself: null, truth values, whole numbers up to 64 bits, finite numbers, texts, lists. Everything
else is an object with one member that says what it is, such as `{"tuple": [1, 2]}`.
"""

from __future__ import annotations

import enum
import hashlib
import json
import math
import pathlib
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .blob import Blob, Tree
from .classes import name_of
from .tensors import Form, Unstorable, is_array, is_scalar, is_tensor, of_array, of_tensor, to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

DEPTH_LIMIT = 64
ITEM_LIMIT = 1_000_000
_JSON_INTEGER = 2**63

_PATHS: dict[str, type[pathlib.PurePath]] = {
    kind.__name__: kind for kind in (pathlib.Path, pathlib.PurePosixPath, pathlib.PureWindowsPath)
}


class Stale(Exception):
    """A tree does not fit the code that reads it: a class or a field is another, a device is not there."""


def encode(value: object, classes: Mapping[str, type]) -> tuple[Tree, list[Blob]]:
    """Write a value as a tree that names its blobs by number.

    Args:
        value: The value.
        classes: The classes whose instances may be written, by name.

    Raises:
        Unstorable: Something in it has no form, or it is nested too deep.
    """
    blobs: list[Blob] = []

    def place(blob: Blob) -> int:
        blobs.append(blob)
        return len(blobs) - 1

    return _Encoder(place, lambda kind: classes.get(name_of(kind)) is kind, exact=True).tree(value), blobs


def digest(value: object) -> str | None:
    """Name a value by its content: equal content has an equal name, wherever and however it lies in memory.

    Returns:
        SHA-256 in hex, or None where the value cannot be written down. 1, 1.0, True, 0.0 and -0.0 differ, and so do
        dictionaries in another order.
    """
    try:
        tree = _Encoder(lambda blob: blob.digest, lambda kind: True, exact=False).tree(value)
    except Unstorable:
        return None
    return hashlib.sha256(json.dumps(tree, separators=(",", ":")).encode()).hexdigest()


class _Encoder:
    """Writes one value.

    Args:
        place: Puts a blob where it belongs and gives what the tree calls it.
        allows: Tells whether instances of a class may be written.
        exact: Whether the layout of tensors counts, or their content alone.
    """

    def __init__(self, place: Callable[[Blob], int | str], allows: Callable[[type], bool], exact: bool) -> None:
        self._place = place
        self._allows = allows
        self._exact = exact
        self._depth = self._items = 0
        self._placed: dict[int, Tree] = {}

    def tree(self, value: object) -> Tree:
        self._items += 1
        if self._depth > DEPTH_LIMIT or self._items > ITEM_LIMIT:
            raise Unstorable("data that is nested too deep or has too many items")
        self._depth += 1
        found = self._tree(value)
        self._depth -= 1
        return found

    def _tree(self, value: object) -> Tree:
        kind = type(value)
        if kind is list:
            return self._trees(value)  # type: ignore[arg-type]  # mypy does not narrow by the exact type
        if kind is tuple:
            return {"tuple": self._trees(value)}  # type: ignore[arg-type]
        if kind is dict:
            return {"dict": [[self.tree(name), self.tree(item)] for name, item in value.items()]}  # type: ignore[attr-defined]
        if kind in _SIMPLE:
            return _SIMPLE[kind](value)
        if kind is bytes or kind.__module__ in ("torch", "numpy"):
            return self._blob(value)
        if isinstance(value, pathlib.PurePath):
            name = "Path" if isinstance(value, pathlib.Path) else kind.__name__
            return {"path": [name, _text(str(value))]}
        return self._declared(value)

    def _trees(self, values: Sequence[object]) -> list[Tree]:
        return [self.tree(value) for value in values]

    def _blob(self, value: object) -> Tree:
        """Write what is large; what appears twice is written once, and read back as one thing."""
        if id(value) in self._placed:
            return self._placed[id(value)]
        tree: Tree
        if isinstance(value, bytes):
            tree = {"bytes": self._place(Blob((value,)))}
        elif is_tensor(value):
            form, blob = of_tensor(value, self._exact)
            tree = {"tensor": [self._place(blob), form.tree()]}
        elif is_array(value) or is_scalar(value):
            form, blob = of_array(value, self._exact)
            tree = {"scalar" if is_scalar(value) else "array": [self._place(blob), form.tree()]}
        else:
            raise Unstorable(f"a value of {name_of(type(value))}")
        self._placed[id(value)] = tree
        return tree

    def _declared(self, value: object) -> Tree:
        kind = type(value)
        if not self._allows(kind):
            raise Unstorable(f"a value of {name_of(kind)}, which no socket declares")
        if isinstance(value, enum.Enum):
            if kind.__members__.get(value.name) is not value:  # type: ignore[attr-defined]
                raise Unstorable("a combination of flags")
            return {"enum": [name_of(kind), value.name]}
        if isinstance(value, tuple) and hasattr(value, "_fields") and _is_only_fields(value, ()):
            named = dict(zip(value._fields, value, strict=True))
            return {"named": [name_of(kind), {name: self.tree(item) for name, item in named.items()}]}
        if is_dataclass(value):
            names = [field.name for field in fields(value)]
            if _is_only_fields(value, names) and all(hasattr(value, name) for name in names):
                return {"data": [name_of(kind), {name: self.tree(getattr(value, name)) for name in names}]}
        raise Unstorable(f"a value of {name_of(kind)}")


def decode(tree: Tree, blob: Callable[[int], bytes], classes: Mapping[str, type]) -> object:
    """Read a value.

    Args:
        tree: What `encode` gave.
        blob: Gives the bytes of a blob.
        classes: The classes whose instances may be read, by name.

    Raises:
        Stale: It does not fit this code.
    """
    try:
        return _Decoder(blob, classes).value(tree)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, AssertionError, ImportError) as error:
        raise Stale(f"{type(error).__name__}: {error}") from error


class _Decoder:
    """Reads one value."""

    def __init__(self, blob: Callable[[int], bytes], classes: Mapping[str, type]) -> None:
        self._blob = blob
        self._classes = classes
        self._read: dict[int, object] = {}

    def value(self, tree: Tree) -> object:
        match tree:
            case None | bool() | int() | float() | str():
                return tree
            case list(items):
                return [self.value(item) for item in items]
            case {"tuple": list(items)}:
                return tuple([self.value(item) for item in items])
            case {"dict": list(pairs)}:
                return {self.value(name): self.value(item) for name, item in pairs}  # type: ignore[misc, str-unpack]
            case {"float": str(text)}:
                return float(text)
            case {"int": str(text)}:
                return int(text, 16)
            case {"text": str(text)}:
                return bytes.fromhex(text).decode("utf-8", "surrogatepass")
            case {"path": [str(name), text]}:
                return _PATHS[name](self.value(text))  # type: ignore[arg-type]
            case {"bytes": int(index)}:
                return self._once(index, lambda data: data)
            case {"tensor": [int(index), list(form)]}:
                return self._once(index, lambda data: to_tensor(data, Form.of(form)))
            case {"array": [int(index), list(form)]}:
                return self._once(index, lambda data: to_array(data, Form.of(form)))
            case {"scalar": [int(index), list(form)]}:
                return self._once(index, lambda data: to_array(data, Form.of(form))[()])
        return self._declared(tree)

    def _once(self, index: int, read: Callable[[bytes], object]) -> object:
        if index not in self._read:
            self._read[index] = read(self._blob(index))
        return self._read[index]

    def _declared(self, tree: Tree) -> object:
        match tree:
            case {"enum": [str(name), str(member)]}:
                return self._classes[name].__members__[member]  # type: ignore[attr-defined]
            case {"named": [str(name), dict(items)]}:
                kind = self._classes[name]
                _must_match(items, kind._fields)  # type: ignore[attr-defined]
                return tuple.__new__(kind, [self.value(item) for item in items.values()])
            case {"data": [str(name), dict(items)]}:
                return self._data(self._classes[name], items)
        raise Stale(f"a value that this version does not know: {str(tree)[:80]}")

    def _data(self, kind: type, items: dict[str, Tree]) -> object:
        """Restore a dataclass field by field, as it was; its own code does not run."""
        _must_match(items, [field.name for field in fields(kind)])
        found: object = object.__new__(kind)
        for name, item in items.items():
            object.__setattr__(found, name, self.value(item))
        return found


def _must_match(found: Mapping[str, object], needed: Sequence[str]) -> None:
    if list(found) != list(needed):
        raise Stale(f"found the fields {list(found)}, needs {list(needed)}")


def _is_only_fields(value: object, names: Collection[str]) -> bool:
    """Tell whether an instance holds its fields and nothing else, except what it can compute from them again."""
    state = object.__getstate__(value)
    parts = state if isinstance(state, tuple) else (state,)
    held = {name for part in parts if isinstance(part, dict) for name in part}
    extra = (getattr(type(value), name, None) for name in held.difference(names))
    return all(isinstance(each, cached_property) for each in extra)


def _integer(value: int) -> Tree:
    return value if -_JSON_INTEGER <= value < _JSON_INTEGER else {"int": hex(value)}


def _number(value: float) -> Tree:
    return value if math.isfinite(value) else {"float": repr(value)}


def _text(value: str) -> Tree:
    """Write a text; one with lone surrogates goes as bytes, since JSON would join two of them into one character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"text": value.encode("utf-8", "surrogatepass").hex()}
    return value


_SIMPLE: Mapping[type, Callable[..., Tree]] = {
    type(None): lambda none: None,
    bool: bool,
    int: _integer,
    float: _number,
    str: _text,
}
