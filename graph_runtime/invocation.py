"""One node's turn: gathers its arguments, calls its function as often as its lists ask, sorts what it returns."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias, cast

from .builder import Given
from .calls import as_list, fits, kind_of, lazy_list, outputs, spread
from .declaration import Node
from .errors import Interrupted, NodeError, OutOfMemory, Problem
from .injected import Folders
from .literals import Misfit, check
from .results import Blocked, Expand, Lazy, Result, Shown
from .sealing import sealed
from .sockets import Socket, describe
from .step import Step

_PLAIN = frozenset({str, int, float, bool, type(None)})

Arguments: TypeAlias = dict[str, object]
Returned: TypeAlias = Sequence[object] | Result | BaseException
"""What became of a node's calls: its result; what each call returned, where one of them expands; what was raised."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """The calls of one node: one for a plain node, one for each item for a node mapped over lists.

    Attributes:
        step: The step.
        calls: What each call takes over links or awaits; a block stands for a call that received one.
        handed: Gives the injected parameters; called where the node runs.
        blocked: The block that one of the inputs carries, or None.
    """

    step: Step
    calls: tuple[Arguments | Blocked, ...]
    handed: Callable[[], Mapping[str, object]] = dict
    blocked: Blocked | None = None


def prepare(step: Step, linked: Mapping[str, object], handed: Callable[[], Mapping[str, object]]) -> Invocation:
    """Gather the arguments of a step.

    Args:
        step: The step.
        linked: The value, or the lazy value, of each linked input.
        handed: Gives the injected parameters.
    """
    fixed: Arguments = {name: Lazy.of(_own(step.values[name])) for name in step.values if step.is_lazy(name)}
    for name, value in linked.items():
        if name in step.mapped:
            continue
        is_list = step.node.inputs[name].socket.is_list
        if isinstance(value, Blocked) or (is_list and isinstance(value, list) and _block(value)):
            return Invocation(step, (), handed, value if isinstance(value, Blocked) else _block(value))
        if is_list:
            lone = name in step.lone
            value = lazy_list(value, lone) if isinstance(value, Lazy) else as_list(value, lone)
        fixed[name] = value
    if not step.mapped:
        return Invocation(step, (fixed,), handed)
    lists = {name: as_list(linked[name]) for name in step.mapped}
    calls = tuple(_block(items.values()) or {**fixed, **_awaitable(step, items)} for items in _mapped(lists))
    return Invocation(step, calls, handed)


def _awaitable(step: Step, items: Arguments) -> Arguments:
    """The items of lists as the node takes them: what it awaits is there already."""
    return {name: Lazy.of(item) if name in step.node.lazy else item for name, item in items.items()}


def _own(value: object) -> object:
    """A value as a node may keep it: what a workflow says stays as it is, whatever a node does."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Given):
        return [*value.value] if type(value.value) is list else value.value
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def _block(values: Iterable[object]) -> Blocked | None:
    return next((value for value in values if isinstance(value, Blocked)), None)


def blocked_in(result: Result) -> bool:
    """Tell whether a result holds a block."""
    return any(
        isinstance(value, Blocked) or (isinstance(value, list) and _block(value) is not None)
        for value in result.outputs
    )


def _mapped(lists: Mapping[str, list[object]]) -> Sequence[Arguments]:
    """One set of items for each call; a shorter list repeats its last item."""
    if not all(lists.values()):
        return []
    count = max(len(items) for items in lists.values())
    return [{name: items[min(i, len(items) - 1)] for name, items in lists.items()} for i in range(count)]


def check_linked(step: Step, call: Arguments, folders: Folders) -> None:
    """Check what came over links against types, bounds and choices, as far as only the values can tell.

    Raises:
        NodeError: A value is not what the input takes.
    """
    for name in step.wires:
        socket = step.node.inputs[name].socket
        if socket.lazy:
            continue
        checked = name in step.node.checked
        for value in cast("list[object]", call[name]) if socket.is_list else (call[name],):
            if value is None and socket.optional:
                continue
            if not fits(value, socket.type):
                raise NodeError(f"found {kind_of(value)} over the link, needs {describe(socket.type)}.", input=name)
            if checked:
                _check(name, value, socket, folders)


def _check(name: str, value: object, socket: Socket, folders: Folders) -> None:
    try:
        check(value, socket, folders)
    except Misfit as misfit:
        problem = misfit.problem(name)
        raise NodeError(problem.message, input=name, nearest=problem.nearest) from None


def invoke(
    invocation: Invocation,
    around: Callable[[Node], AbstractContextManager[object]],
    folders: Folders,
    cancelled: Callable[[], bool],
    relieve: Callable[[], bool] = lambda: False,
) -> Returned:
    """Call a synchronous node, in a thread of its own.

    Args:
        invocation: The calls.
        around: What is entered around each call.
        folders: Where files to choose from lie.
        cancelled: Tells whether to stop before the next call.
        relieve: Lets go of memory that is not in use, where a call ran out of it, and tells whether there was any.
    """
    step = invocation.step
    returned: list[object] = []
    try:
        handed = invocation.handed()
        for call in invocation.calls:
            if cancelled():
                return Interrupted()
            if isinstance(call, Blocked):
                returned.append(call)
            else:
                check_linked(step, call, folders)
                returned.append(_called(step, call, handed, around, relieve))
        return gathered(step, returned)
    except BaseException as error:
        return error


def _called(
    step: Step,
    call: Arguments,
    handed: Mapping[str, object],
    around: Callable[[Node], AbstractContextManager[object]],
    relieve: Callable[[], bool],
) -> object:
    """Call a node's function, and once more where memory ran out and some could be let go.

    A node that saves is called once: what it saved before memory ran out would be there twice.
    """
    node = step.node
    try:
        with around(node):
            return node.function(**_fresh(step, call, handed))
    except (OutOfMemory, MemoryError) as error:
        shortage = _without_frames(error)
    if node.sink or not relieve():
        raise shortage
    with around(node):
        return node.function(**_fresh(step, call, handed))


def _fresh(step: Step, call: Arguments, handed: Mapping[str, object]) -> Arguments:
    """The arguments for one call: the lists and the values that a node may change are its own each time."""
    arguments = {**call, **handed}
    for name, value in step.values.items():
        if name not in arguments:
            arguments[name] = _own(value)
    for name in step.node.lists:
        value = call.get(name)
        if isinstance(value, list):
            arguments[name] = [*value]
    return arguments


def _without_frames(error: Exception) -> Exception:
    """The error alone: the values that its frames held are what memory is short of."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


async def invoke_async(invocation: Invocation, folders: Folders) -> Returned:
    """Call an asynchronous node, in the loop's thread."""
    step = invocation.step
    returned: list[object] = []
    try:
        handed = await asyncio.to_thread(invocation.handed) if step.node.injected else {}
        for call in invocation.calls:
            if isinstance(call, Blocked):
                returned.append(call)
            else:
                check_linked(step, call, folders)
                returned.append(await cast("Awaitable[object]", step.node.function(**_fresh(step, call, handed))))
        return gathered(step, returned)
    except BaseException as error:
        return error


def gathered(step: Step, returned: Sequence[object]) -> Sequence[object] | Result:
    """Make one result of what the calls returned, unless one of them expands.

    Raises:
        NodeError: Something returned is not what the node declares.
    """
    if any(isinstance(one, Expand) for one in returned):
        return returned
    return sealed(merged(step, [_single(step, one) for one in returned]))


def _single(step: Step, returned: object) -> Result:
    if isinstance(returned, Blocked):
        return Result(tuple(returned for _ in step.node.outputs))
    return spread(step.node, returned)


def merged(step: Step, results: Sequence[Result]) -> Result:
    """Join the results of the calls: as they are for one call, as lists for a mapped node."""
    if not step.mapped:
        return results[0]
    columns: list[list[object]] = [[] for _ in step.node.outputs]
    for result in results:
        for column, output, value in zip(columns, step.node.outputs, result.outputs, strict=True):
            column.extend(value if output.socket.is_list and isinstance(value, list) else [value])
    shown = [result.shown for result in results if result.shown is not None]
    return Result(tuple(columns), _together(shown) if shown or step.node.sink else None)


def _together(shown: Sequence[Shown[object]]) -> Shown[object]:
    extra: dict[str, object] = {}
    for one in shown:
        for name, value in one.extra.items():
            before = extra.get(name)
            extra[name] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value
    files = tuple(file for one in shown for file in one.files)
    return Shown(files, tuple(line for one in shown for line in one.text), None, extra)


def unfolded(step: Step, returned: object, resolve: Callable[[object], object]) -> Result:
    """Make the result of one call of a node that expanded, now that its sub-graph is done.

    Args:
        step: The step.
        returned: What the call returned: `Expand`, or plain values.
        resolve: Turns a handle into its value and leaves anything else.

    Raises:
        NodeError: The values are not what the node declares.
    """
    if not isinstance(returned, Expand):
        return sealed(_single(step, returned))
    values = returned.values
    several = step.node.named and isinstance(values, tuple)
    found = tuple(resolve(value) for value in cast("tuple[object]", values)) if several else resolve(values)
    return sealed(Result(outputs(step.node, found), returned.shown))


def problem_of(step: Step, error: BaseException) -> Problem:
    """Say what a node raised as a problem at its place."""
    if isinstance(error, NodeError):
        return Problem("refused", error.message, step.id, step.title, step.node.id, error.input, error.nearest)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Problem("failed", message, step.id, step.title, step.node.id)
