"""What a pack's class says before the run: whether it accepts its inputs, whether its result would change."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ...declaration import Prospect
from ...errors import NodeError
from ...keys import Unkeyable, canonical, key
from .. import wire
from .calling import Call, entered
from .dynamic import Sections, folded
from .modules import importable
from .sections import ABSENT

_log = logging.getLogger(__name__)


def checked_by_class(source: Any) -> Callable[[str], bool]:
    """Tell which inputs a class checks by itself: those that its VALIDATE_INPUTS names, or all of them."""
    names, everything = _parameters(getattr(source, "VALIDATE_INPUTS", None))
    return lambda name: everything or name in names


def checks_types(source: Any) -> bool:
    """Tell whether a class checks the types of links by itself."""
    return "input_types" in _parameters(getattr(source, "VALIDATE_INPUTS", None))[0]


def inspector(source: Any, hidden: Mapping[str, str], found: Sections) -> Callable[[Prospect], str | None] | None:
    """What looks at a call before the run, or None where the class has nothing to say.

    Args:
        source: The class.
        hidden: The words of its hidden inputs by name.
        found: What it declares.
    """
    if not hasattr(source, "VALIDATE_INPUTS") and not hasattr(source, "IS_CHANGED"):
        return None

    def inspect_call(prospect: Prospect) -> str | None:
        known = {name: value for name, value in prospect.values.items() if value is not ABSENT}
        known = folded(found, known | dict.fromkeys(prospect.linked))
        known |= {name: prospect.id if word == "UNIQUE_ID" else None for name, word in hidden.items()}
        with importable(), entered(Call(prospect.folders)):
            _validate(source, known, prospect)
            return _changed(source, known)

    return inspect_call


def _validate(source: Any, known: Mapping[str, object], prospect: Prospect) -> None:
    """Let the class look at its inputs; what comes over links is None, and stands in for nothing it may check.

    Raises:
        NodeError: It refuses them.
    """
    check = getattr(source, "VALIDATE_INPUTS", None)
    if check is None:
        return
    given = dict(known)
    if "input_types" in _parameters(check)[0]:
        given["input_types"] = {name: wire.offered(socket) for name, socket in prospect.linked.items()}
    said = _called(check, given)
    if said is not True:
        blamed = next((name for name in known if isinstance(said, str) and name in said), "")
        raise NodeError(said if isinstance(said, str) and said else "the node refuses its inputs.", input=blamed)


def _changed(source: Any, known: Mapping[str, object]) -> str | None:
    """Digest what IS_CHANGED says; None where that is NaN, which is never the same, or cannot be said."""
    ask = getattr(source, "IS_CHANGED", None)
    if ask is None:
        return ""
    try:
        said = _called(ask, known)
        return None if isinstance(said, float) and said != said else key({"changed": canonical(said)})
    except Unkeyable:
        return None
    except Exception:
        _log.warning("IS_CHANGED of %s fails, so the node runs each time", source.__name__, exc_info=True)
        return None


def _called(function: Any, known: Mapping[str, object]) -> Any:
    """Call a function with those of the values that it takes; a coroutine is awaited in a loop of its own."""
    names, everything = _parameters(function)
    found = function(**{name: value for name, value in known.items() if everything or name in names})
    return _awaited(found) if inspect.isawaitable(found) else found


def _awaited(found: Any) -> Any:
    """Await in another thread: this one may be running a loop."""
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(asyncio.run(_wrapped(found)))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


async def _wrapped(found: Any) -> Any:
    return await found


def _parameters(function: Any) -> tuple[frozenset[str], bool]:
    """The names of a function's parameters, and whether it takes any other."""
    if function is None:
        return frozenset(), False
    parameters = inspect.signature(function).parameters.values()
    return frozenset(one.name for one in parameters), any(one.kind is one.VAR_KEYWORD for one in parameters)
