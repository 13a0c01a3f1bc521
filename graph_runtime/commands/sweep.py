"""One run for each of several values: `--each NODE.INPUT=VALUES`."""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..described import names_of
from ..errors import GraphError, Problem, shown
from ..injected import Folders
from ..library import Library
from ..sockets import Socket
from ..workflow import Workflow
from .assign import located, strange
from .terminal import clean

MOST = 10_000
"""Runs that one command makes at most: more are a slip."""

_SPAN = re.compile(r"(-?\d{1,20})\.\.(-?\d{1,20})")


def combinations(
    workflow: Workflow, sweeps: Sequence[str], library: Library, folders: Folders
) -> list[tuple[str, ...]]:
    """Give the settings of each run: every value of one sweep with every value of the others, the last varies fastest.

    Args:
        workflow: What is run.
        sweeps: One `node.input=values` each; the node by id or title.
        library: Tells what the inputs take.
        folders: Where files to choose from lie.

    Returns:
        One `node.input=value` for each sweep, for each run; without sweeps it is one run with none.

    Raises:
        GraphError: A sweep names no input, or no values; names each of them.
    """
    found = [_settings(sweep, workflow, library, folders) for sweep in sweeps]
    wrong = [f"--each {clean(sweep)}: {one}" for sweep, one in zip(sweeps, found, strict=True) if isinstance(one, str)]
    if wrong:
        raise GraphError("\n".join(wrong))
    runs = list(itertools.islice(itertools.product(*(one for one in found if not isinstance(one, str))), MOST + 1))
    if len(runs) > MOST:
        raise GraphError(f"--each: the values make more than {MOST:,} runs.")
    return runs


def _settings(sweep: str, workflow: Workflow, library: Library, folders: Folders) -> list[str] | str:
    """The settings that a sweep stands for, or what is wrong with it."""
    found = located(sweep, workflow.nodes)
    if isinstance(found, Problem):
        return str(found)
    id, input, text = found
    call = workflow.nodes[id]
    if problem := strange(call, input, library):
        return str(problem)
    node = library.get(call.class_type)
    socket = node.inputs[input].socket if node is not None and input in node.inputs else None
    place = sweep[: len(sweep) - len(text)]
    try:
        values = list(_values(text, socket, folders))
    except ValueError as error:
        return str(error)
    return [place + value for value in values] or "there are no values."


def _values(text: str, socket: Socket | None, folders: Folders) -> Iterator[str]:
    """Take values apart: a file with a line each, a JSON list, whole numbers from..to, a pattern of names, a list."""
    if text.startswith("@"):
        yield from _lines(text[1:])
    elif (listed := _json_list(text)) is not None:
        yield from (value if isinstance(value, str) else json.dumps(value) for value in listed)
    elif span := _SPAN.fullmatch(text):
        first, last = int(span[1]), int(span[2])
        if abs(last - first) >= MOST:
            raise ValueError(f"the values make more than {MOST:,} runs.")
        yield from map(str, range(first, last + 1) if first <= last else range(first, last - 1, -1))
    elif socket is not None and socket.type is str and socket.choices is None:
        raise ValueError('a text may hold commas: needs @FILE with a line for each, or a JSON list such as ["a", "b"].')

    elif socket is not None and (names := names_of(socket, folders)) and any(mark in text for mark in "*?"):
        yield from fnmatch.filter(names, text)
    else:
        yield from filter(None, (part.strip() for part in text.split(",")))


def _lines(name: str) -> list[str]:
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, RuntimeError) as error:  # the latter where there is no such user, whose home ~user names
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{shown(name)} cannot be read: {str(reason).rstrip('.')}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{shown(name)} is no text in UTF-8.") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _json_list(text: str) -> list[object] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
