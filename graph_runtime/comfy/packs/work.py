"""Calls the function of a pack's class as ComfyUI would."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ...guises import Guise
from ...injected import Folders, NodeId, Progress, Service, Surroundings
from ...results import Blocked, Lazy, Ready
from .arguments import Handing, as_none, hidden_value, loaded
from .calling import Call, entered
from .foreign import ForeignNode
from .modules import importable
from .returning import Returning
from .sections import ABSENT


@dataclass
class Work:
    """The function of a class, as the engine calls it.

    Attributes:
        node: The node, which names the class.
        hidden: The words of its hidden inputs by name.
        raw: Its inputs that take a link as it is, and whether what the link carries is not computed before the call.
        guises: How values of other packs look to it.
    """

    node: ForeignNode
    hidden: Mapping[str, str]
    raw: Mapping[str, bool]
    guises: tuple[Guise, ...]
    _idle: list[Any] = field(default_factory=list)

    def called(self, **given: Any) -> object:
        """Call a plain function."""
        one = self._turn(given)
        with self._surrounded(one), self._instance() as instance:
            return self._sorted(one, instance, getattr(instance, self.node.source.FUNCTION)(**one.arguments()))

    async def awaited(self, **given: Any) -> object:
        """Call a coroutine, or a function whose lazy inputs are computed as it asks for them."""
        one = self._turn(given)
        with self._surrounded(one, in_thread=False), self._instance() as instance:
            await asyncio.gather(*one.before)
            if (block := await self._asked(one, instance)) is not None:
                return block
            function = getattr(instance, self.node.source.FUNCTION)
            if inspect.iscoroutinefunction(function):
                return self._sorted(one, instance, await function(**one.arguments()))
            return await asyncio.to_thread(self._in_thread, one, instance)

    def _in_thread(self, one: Turn, instance: Any) -> object:
        with _computing():
            return self._sorted(one, instance, getattr(instance, self.node.source.FUNCTION)(**one.arguments()))

    async def _asked(self, one: Turn, instance: Any) -> Blocked | None:
        """Compute the lazy inputs that the class asks for, until it asks for no more; give a block that one carries."""
        ask = getattr(instance, "check_lazy_status", None)
        while ask is not None and one.lazy:
            found = ask(**one.arguments())
            names = await found if inspect.isawaitable(found) else found
            wanted = [name for name in names or () if name in one.lazy]
            if not wanted:
                return None
            values = await asyncio.gather(*(one.lazy.pop(name) for name in wanted))
            one.values.update(zip(wanted, values, strict=True))
            if block := next((value for value in values if isinstance(value, Blocked)), None):
                return block
        return None

    def _turn(self, given: dict[str, Any]) -> Turn:
        """Sort out what was handed in."""
        by_kind: dict[Any, Any] = {kind: given.pop(name) for name, kind in self.node.injected.items()}
        services = {kind: value for kind, value in by_kind.items() if isinstance(value, Service)}
        there = {name: self._there(name, value) for name, value in given.items()}
        values = {name: value for name, value in there.items() if value is not ABSENT}
        lazy = {name: value for name, value in values.items() if isinstance(value, Lazy)}
        raw = {name: lazy.pop(name) for name in self.raw.keys() & lazy.keys()}
        if raw:
            wires = by_kind[Surroundings].steps[by_kind[NodeId]].wires
            values |= {name: self._raw([wires[name].node, wires[name].output]) for name in raw}
        hidden = {name: hidden_value(word, by_kind) for name, word in self.hidden.items()}
        if getattr(self.node.source, "INPUT_IS_LIST", False):
            hidden = {name: [value] for name, value in hidden.items()}
        progress = by_kind[Progress]
        call = Call(by_kind[Folders], progress, progress.node, services)
        before = [value for name, value in raw.items() if not self.raw[name]]
        return Turn(call, values, lazy, hidden, Handing(self.guises, services), before)

    def _there(self, name: str, value: Any) -> Any:
        """A value that needs no waiting for; where a link would be given as it is, the engine holds it in a list."""
        found = value.value if isinstance(value, Ready) else value
        return found[0] if name in self.raw and isinstance(found, list) else found

    def _raw(self, link: list[object]) -> object:
        return [link] if getattr(self.node.source, "INPUT_IS_LIST", False) else link

    @contextmanager
    def _surrounded(self, one: Turn, in_thread: bool = True) -> Iterator[None]:
        with importable(), entered(one.call), _computing() if in_thread else nullcontext():
            yield

    @contextmanager
    def _instance(self) -> Iterator[Any]:
        """An instance of the class, kept from call to call as classes expect, and never in two calls at a time."""
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = self.node.source()
        try:
            yield instance
        finally:
            self._idle.append(instance)

    def _sorted(self, one: Turn, instance: Any, returned: Any) -> object:
        """What was returned; copied where the instance remembers something, which may be what it returned."""
        remembers = bool(getattr(instance, "__dict__", None))
        return Returning(self.node, self.guises, one.call.folders, remembers)(returned)


@dataclass
class Turn:
    """One call of a function.

    Attributes:
        call: What the modules that packs import have to know of it.
        values: The inputs by name.
        lazy: Those that nobody has asked for yet.
        hidden: The hidden inputs by name.
        handing: Hands values to the function.
        before: What is computed before the call though the function is not told of it.
    """

    call: Call
    values: dict[str, Any]
    lazy: dict[str, Lazy[Any]]
    hidden: Mapping[str, Any]
    handing: Handing
    before: Sequence[Lazy[Any]] = ()

    def arguments(self) -> dict[str, Any]:
        """The arguments as they stand: None for what is not computed."""
        return {**{name: self.handing(as_none(value)) for name, value in self.values.items()}, **self.hidden}


def _computing() -> AbstractContextManager[object]:
    """No gradients are wanted; where torch is not there yet, there is nothing to say it to."""
    torch = loaded("torch")
    found: AbstractContextManager[object] = torch.inference_mode() if torch is not None else nullcontext()
    return found
