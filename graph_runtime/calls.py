"""The border between the engine and a node's function: what goes in, what comes out."""

from __future__ import annotations

from .declaration import Node, Output
from .errors import NodeError, listed
from .results import Blocked, Lazy, Result, Shown
from .sockets import Kind, Socket, describe


def as_list(value: object, lone: bool = False) -> list[object]:
    """The list that an input takes: the one that came, or one of the value that came.

    Args:
        value: A list, or one value.
        lone: Whether a list is one value.
    """
    return value if isinstance(value, list) and not lone else [value]


def lazy_list(value: Lazy[object], lone: bool) -> Lazy[list[object]]:
    """The list that an input takes once it is awaited: a new one each time, which is the node's own."""

    async def request() -> list[object]:
        return [*as_list(await value, lone)]

    return Lazy(request)


def spread(node: Node, returned: object) -> Result:
    """Sort what a node's function returned into its outputs.

    Args:
        node: The node.
        returned: What its function returned, awaited if it was a coroutine; no `Expand`.

    Returns:
        One value for each output, and what was shown.

    Raises:
        NodeError: It returned another number of values than it declares, or a value of another type.
    """
    shown = returned if isinstance(returned, Shown) else None
    if node.sink and shown is None:
        raise NodeError(f"it is declared to show something, but returned {kind_of(returned)}; needs Shown.")
    if shown is not None and not (node.sink or node.may_show):
        raise NodeError("it returned Shown, but its return annotation does not say so.")
    values = shown.values if shown is not None else returned
    return Result(outputs(node, values), shown)


def outputs(node: Node, values: object) -> tuple[object, ...]:
    """Make one value for each output.

    Raises:
        NodeError: The number or a type is not what the node declares.
    """
    if not node.outputs:
        return ()
    if node.named:
        if not isinstance(values, tuple) or len(values) != len(node.outputs):
            count = f"{len(values)} values" if isinstance(values, tuple) else kind_of(values)
            raise NodeError(f"it returned {count}, but declares {len(node.outputs)}: {listed(node.output_names)}.")
        found = tuple(values)
    else:
        found = (values,)
    for output, value in zip(node.outputs, found, strict=True):
        if isinstance(value, Blocked):
            continue
        if _is_amiss(output.socket, value):
            raise NodeError(f"output {output.name}: it returned {kind_of(value)}, but declares {output.socket}.")
        for item in value if output.socket.is_list and isinstance(value, list) else (value,):
            _check(output, item)
    return found


def _is_amiss(socket: Socket, value: object) -> bool:
    """Tell whether a list stands where none belongs, or none where one does."""
    if socket.is_list == isinstance(value, list):
        return False
    if isinstance(socket.type, Kind):  # a single value of such a type may well be a list
        return socket.is_list
    return socket.type is not object


def _check(output: Output, value: object) -> None:
    kind = output.socket.type
    if not fits(value, kind) and not (value is None and output.socket.optional):
        raise NodeError(f"output {output.name}: it returned {kind_of(value)}, but declares {describe(kind)}.")


def fits(value: object, kind: object) -> bool:
    """Tell whether a value is of a plain class; what only a type checker can see is left to it."""
    if type(value) is kind:
        return True
    if not isinstance(kind, type) or kind is object or getattr(kind, "__total__", None) is not None:
        return True
    if isinstance(value, bool):
        return issubclass(bool, kind) and kind is not int
    return isinstance(value, kind) or (kind is float and isinstance(value, int))


def kind_of(value: object) -> str:
    """Name what a value is, for a sentence."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
