"""Says in words what stands on an input: `integer, 1 to 100, default 20`."""

from __future__ import annotations

import json
from collections.abc import Callable

from .declaration import Input
from .injected import Folders
from .sockets import Socket

_MANY = 12
"""How many names to choose from are told one by one."""


def takes(input: Input, folders: Folders, clean: Callable[[str], str] = str) -> str:
    """Say what stands on an input.

    Args:
        input: The input.
        folders: Where the files lie that it offers to choose from.
        clean: Makes a name fit for where it is shown.
    """
    socket = input.socket
    parts = [str(socket)]
    if socket.choices is not None:
        parts.append(_choices(socket, folders, clean))
    if socket.bounds is not None:
        parts += [text for text in (_span(socket.bounds.low, socket.bounds.high),) if text]
        parts += [f"in steps of {_number(socket.bounds.step)}"] if socket.bounds.step is not None else []
    parts += ["several lines"] if socket.text is not None and socket.text.multiline else []
    parts += ["computed only on demand"] if socket.lazy else []
    if input.required:
        parts.append("required")
    elif input.default is None:
        parts.append("optional")
    else:
        parts.append(f"default {clean(_default(input.default))}")
    return ", ".join(parts)


def names_of(socket: Socket, folders: Folders) -> list[str]:
    """The names to choose from here and now; what a pack raises while it looks is no reason to show nothing."""
    if socket.choices is None:
        return [str(value) for value in socket.literals]
    try:
        return list(socket.choices.of(folders))
    except Exception:
        return []


def _choices(socket: Socket, folders: Folders, clean: Callable[[str], str]) -> str:
    names = names_of(socket, folders)
    kind = "for instance" if socket.choices is not None and socket.choices.open else "one of"
    if not names:
        return "one of the files there"
    rest = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return f"{kind} " + ", ".join(clean(name) for name in names[:_MANY]) + rest


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {_number(high)}"
    return f"at least {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
