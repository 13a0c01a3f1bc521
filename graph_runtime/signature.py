"""Reads the schema of a node off its function: the sockets from its signature, what they mean from its docstring."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import Union, get_args, get_origin

from . import docs
from .declaration import MISSING, Input, Mark, Node, Output, hints, name_of
from .errors import DeclarationError
from .injected import Folders, is_injected
from .results import Expand, Shown
from .sockets import Socket, socket


def declare(function: Callable[..., object]) -> Node:
    """Read the whole schema of a decorated function.

    Raises:
        DeclarationError: The function cannot be a node; says which parameter, and what it needs.
    """
    mark: Mark = function.__node__  # type: ignore[attr-defined]
    text = docs.read(function.__doc__)
    annotations = hints(function)
    inputs: dict[str, Input] = {}
    injected: dict[str, object] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if is_injected(hint := _hint(function, annotations, name, parameter)):
            injected[name] = hint
        else:
            default = MISSING if parameter.default is parameter.empty else parameter.default
            inputs[name] = Input(name, _socket(function, name, hint), default, text.inputs.get(name, ""))
    _must_be_possible(function, mark, inputs, injected)
    outputs, named, sink = _outputs(function, annotations.get("return", types.NoneType), text)
    return Node(
        mark.id, function, mark.title, mark.category, mark.version, mark.resource, mark.static, mark.cached,
        mark.fingerprint, inputs, outputs, injected, named, sink, text,
    )  # fmt: skip


def _hint(
    function: Callable[..., object], annotations: Mapping[str, object], name: str, parameter: inspect.Parameter
) -> object:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise DeclarationError(f"{name_of(function)}: parameter {name}: a node's inputs are named one by one.")
    if name not in annotations:
        raise DeclarationError(f"{name_of(function)}: parameter {name} needs an annotation: what the socket takes.")
    return annotations[name]


def _socket(function: Callable[..., object], name: str, hint: object) -> Socket:
    try:
        return socket(hint)
    except (DeclarationError, TypeError) as error:
        raise DeclarationError(f"{name_of(function)}: {name}: {error}") from error


def _must_be_possible(
    function: Callable[..., object], mark: Mark, inputs: Mapping[str, Input], injected: Mapping[str, object]
) -> None:
    lazy = [name for name, one in inputs.items() if one.socket.lazy]
    if lazy and not inspect.iscoroutinefunction(function):
        raise DeclarationError(
            f"{name_of(function)}: a lazy input ({lazy[0]}) is awaited, so the node is an `async def`."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(f"{name_of(function)}: it yields; a node returns its values, all at once.")
    strange = [name for name, kind in injected.items() if kind is not Folders]
    if mark.static and (strange or inspect.iscoroutinefunction(function)):
        what = f"{strange[0]} is known only in a run" if strange else "it is an `async def`"
        raise DeclarationError(f"{name_of(function)}: a static node is computed before the run, but {what}.")


def _outputs(
    function: Callable[..., object], returned: object, text: docs.Docs
) -> tuple[tuple[Output, ...], bool, bool]:
    """Read the outputs from what the function returns: whether there are several, and whether it is a sink."""
    kind, sink = _unwrapped(returned)
    if kind is types.NoneType:
        if not sink:
            raise DeclarationError(f"{name_of(function)}: it returns nothing; a node returns values, and a sink Shown.")
        return (), False, True
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields = hints(kind)
        of_tuple = docs.read(kind.__doc__)
        named = tuple(
            Output(name, _socket(function, name, hint), text.outputs.get(name) or of_tuple.inputs.get(name, ""))
            for name, hint in fields.items()
        )
        return named, True, sink
    single = _socket(function, "the result", kind)
    name, said = next(iter(text.outputs.items()), ("", ""))
    return (Output(name or _output_name(single), single, said),), False, sink


def _unwrapped(returned: object) -> tuple[object, bool]:
    """Strip `Shown[...]` and `Expand[...]` from a return annotation; tell the type of values, and whether it shows."""
    if get_origin(returned) in (Union, types.UnionType):
        members = [member for member in get_args(returned) if get_origin(member) is not Expand]
        if len(members) == 1:
            return _unwrapped(members[0])
    if returned is Shown:
        return types.NoneType, True
    if get_origin(returned) is Shown:
        return get_args(returned)[0], True
    if get_origin(returned) is Expand:
        return get_args(returned)[0], False
    return returned, False


def _output_name(single: Socket) -> str:
    name = getattr(single.type, "__name__", "value")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
