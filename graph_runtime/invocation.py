"""One node's turn: gathers its arguments, calls its function as often as its lists ask, sorts what it returns."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

from .builder import Given
from .calls import outputs, spread
from .declaration import Node
from .errors import Interrupted, NodeError, Problem
from .injected import Folders
from .literals import Misfit, check
from .results import Blocked, Expand, Result, Shown
from .step import Step

Arguments: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The calls of one node: one for a plain node, one for each item for a node mapped over lists.

    Attributes:
        step: The step.
        calls: The arguments of each call.
        blocked: The block that one of the inputs carries, or None.
    """

    step: Step
    calls: tuple[Arguments, ...]
    blocked: Blocked | None = None


def prepare(step: Step, linked: Mapping[str, object], handed: Mapping[str, object], folders: Folders) -> Invocation:
    """Gather the arguments of a step.

    Args:
        step: The step.
        linked: The value, or the lazy value, of each linked input.
        handed: The injected parameters.
        folders: Where files to choose from lie.

    Raises:
        NodeError: A value that came over a link is out of bounds, not a choice, or missing.
    """
    fixed = {name: value.value if isinstance(value, Given) else value for name, value in step.values.items()}
    blocked = next((value for value in linked.values() if isinstance(value, Blocked)), None)
    if blocked is not None:
        return Invocation(step, (), blocked)
    for name, value in linked.items():
        socket = step.node.inputs[name].socket
        if name not in step.mapped and not socket.lazy:
            fixed[name] = [value] if socket.is_list and not isinstance(value, list) else value
    lists = {name: _as_list(linked[name]) for name in step.mapped}
    lazy = {name: value for name, value in linked.items() if step.is_lazy(name)}
    calls = tuple({**fixed, **items, **lazy, **handed} for items in _mapped(lists))
    for call in calls:
        _check_linked(step, call, folders)
    return Invocation(step, calls)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _mapped(lists: Mapping[str, list[object]]) -> Sequence[Arguments]:
    """One set of items for each call; a shorter list repeats its last item."""
    if not lists:
        return [{}]
    if not all(lists.values()):
        return []
    count = max(len(items) for items in lists.values())
    return [{name: items[min(i, len(items) - 1)] for name, items in lists.items()} for i in range(count)]


def _check_linked(step: Step, call: Arguments, folders: Folders) -> None:
    for name in step.wires:
        socket = step.node.inputs[name].socket
        if socket.lazy or not (socket.bounds or socket.choices or socket.literals):
            continue
        for value in _as_list(call[name]):
            try:
                check(value, socket, folders)
            except Misfit as misfit:
                raise NodeError(misfit.problem.message, input=name, nearest=misfit.problem.nearest) from None


def invoke(
    invocation: Invocation,
    around: Callable[[Node], AbstractContextManager[object]],
    cancelled: Callable[[], bool],
) -> Sequence[object] | Result | BaseException:
    """Call a synchronous node, in a thread of its own.

    Args:
        invocation: The calls.
        around: What is entered around the calls.
        cancelled: Tells whether to stop before the next call.

    Returns:
        The result; what each call returned, where one of them expands; or what was raised.
    """
    step = invocation.step
    returned: list[object] = []
    try:
        with around(step.node):
            for arguments in invocation.calls:
                if cancelled():
                    return Interrupted()
                returned.append(step.node.function(**arguments))
        return gathered(step, returned)
    except BaseException as error:
        return error


async def invoke_async(invocation: Invocation) -> Sequence[object] | Result | BaseException:
    """Call an asynchronous node; returns what `invoke` returns."""
    returned: list[object] = []
    try:
        for arguments in invocation.calls:
            awaitable = invocation.step.node.function(**arguments)
            assert isinstance(awaitable, Awaitable)
            returned.append(await awaitable)
        return gathered(invocation.step, returned)
    except asyncio.CancelledError:
        return Interrupted()
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
    return Result(tuple(columns), _together(shown) if step.node.sink else None)


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
        return spread(step.node, returned)
    values = returned.values
    if step.node.named and isinstance(values, tuple):
        return Result(outputs(step.node, tuple(resolve(value) for value in values)))
    return Result(outputs(step.node, resolve(values)))


def sealed(result: Result) -> Result:
    """Note the digest of each file that was shown, so that a later run can tell whether it is still the same."""
    if result.shown is None or not result.shown.files:
        return result
    files = tuple(replace(file, digest=file.digest or digest_of(file.path)) for file in result.shown.files)
    return replace(result, shown=replace(result.shown, files=files))


def untouched(result: Result) -> bool:
    """Tell whether the files that a kept result shows are still as they were."""
    files = result.shown.files if result.shown is not None else ()
    return all(file.digest and digest_of(file.path) == file.digest for file in files)


def digest_of(path: object) -> str:
    """SHA-256 of a file's content in hexadecimal, or "" where there is no such file."""
    try:
        with open(str(path), "rb") as file:  # noqa: PTH123 - any path-like
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def problem_of(step: Step, error: BaseException) -> Problem:
    """Say what a node raised as a problem at its place."""
    if isinstance(error, NodeError):
        return Problem("refused", error.message, step.id, step.title, step.node.id, error.input, error.nearest)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Problem("failed", message, step.id, step.title, step.node.id)
