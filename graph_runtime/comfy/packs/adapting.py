"""Turns a class that was written for ComfyUI into a node."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ...declaration import Input
from ...docs import Docs
from ...errors import DeclarationError
from ...guises import Guise
from ...injected import Folders, NodeId, Progress, Surroundings
from ...sockets import Socket
from ...step import Link
from ..wire import ANYTHING, WireType
from .arguments import HIDDEN
from .dynamic import Live, Sections, is_dynamic, live
from .foreign import ForeignNode
from .foreseeing import checked_by_class, checks_types, inspector
from .sections import input_of, is_raw, options_of, outputs, sections
from .work import Work

HANDED = "controlgraph_"
"""What the names of injected parameters begin with: no input is called so."""


def adapted(id: str, source: Any, title: str = "", guises: tuple[Guise, ...] = ()) -> ForeignNode:
    """Make a node of a class.

    Args:
        id: Its name in workflow files.
        source: The class.
        title: Its name for people.
        guises: How values of other packs look to it.

    Raises:
        DeclarationError: It is no class of a node.
    """
    function = getattr(source, str(getattr(source, "FUNCTION", "")), None)
    if not callable(getattr(source, "INPUT_TYPES", None)) or not callable(function):
        raise DeclarationError(f"{id}: it has no INPUT_TYPES, or not the function that FUNCTION names.")
    found = sections(source)
    inputs = _inputs(source, found)
    hidden = {name: str.__str__(_word(spec)) for name, spec in found.get("hidden", {}).items()}
    raw = {one.name: bool(options_of(one.spec).get("lazy")) for one in live(found, {}) if is_raw(one.spec)}
    injected = _injected(hidden, raw, guises)
    node = ForeignNode(
        id, function, title or id, str(getattr(source, "CATEGORY", "") or ""),
        cached=not getattr(source, "NOT_IDEMPOTENT", False), inputs=inputs, outputs=outputs(source), injected=injected,
        named=True, sink=bool(getattr(source, "OUTPUT_NODE", False)), may_show=True,
        docs=Docs(inspect.cleandoc(str(getattr(source, "DESCRIPTION", "") or ""))),
        further=partial(_further, source, found), inspect=inspector(source, hidden, found),
        resource=_resource(source), source=source,
    )  # fmt: skip
    work = Work(node, hidden, raw, guises)
    in_loop = inspect.iscoroutinefunction(function) or bool(node.lazy)
    return replace(node, function=work.awaited if in_loop else work.called)


def _word(spec: Any) -> str:
    word = spec if isinstance(spec, str) else spec[0]
    return str(getattr(word, "value", word))


def _inputs(source: Any, found: Sections) -> dict[str, Input]:
    return {one.name: _input(source, one) for one in live(found, {})}


def _input(source: Any, one: Live) -> Input:
    """An input of a class; what its own VALIDATE_INPUTS looks at is not checked before."""
    free = checked_by_class(source)(one.name) and not one.closed
    declared = input_of(source, one.section, one.name, one.spec, free)
    return _opened(declared) if checks_types(source) else declared


def _opened(one: Input) -> Input:
    """An input that takes whatever comes over a link: its class checks the types."""
    kind = one.socket.type
    word = WireType(kind.word, kind.literal, open=True) if isinstance(kind, WireType) else None
    return replace(one, socket=replace(one.socket, type=word)) if word is not None else one


def _injected(hidden: Mapping[str, str], raw: Mapping[str, bool], guises: tuple[Guise, ...]) -> dict[str, object]:
    kinds: list[object] = [Progress, Folders]
    kinds += [kind for word in hidden.values() for kind in HIDDEN.get(word, ())]
    kinds += [NodeId, Surroundings] if raw else []
    kinds += [guise.service for guise in guises if guise.service is not None]
    return {f"{HANDED}{place}": kind for place, kind in enumerate(dict.fromkeys(kinds))}


def _further(source: Any, found: Sections, given: Mapping[str, object]) -> Iterator[Input]:
    """Declare the inputs that come with what is given: those that belong to dynamic inputs, then any link.

    A value counts only where the class says that it takes it: packs bring dicts that say yes to every name.
    """
    known = {one.name: one for one in live(found, given)}
    yield from (_input(source, one) for one in known.values())
    is_list, optional = bool(getattr(source, "INPUT_IS_LIST", False)), found.get("optional", {})
    for name in given.keys() - known.keys():
        if is_dynamic(found, name):
            continue  # it belongs to another choice
        if isinstance(given[name], Link):
            yield Input(name, Socket(WireType(ANYTHING), is_list))
        elif name in optional:
            yield input_of(source, "optional", name, optional[name], free=True)
        elif getattr(source, "ACCEPT_ALL_INPUTS", False):
            yield Input(name, Socket(WireType(ANYTHING, literal=True), is_list))


def _resource(source: Any) -> Any:
    """The lane of a class: the GPU's, one at a time, unless it only handles plain values."""
    words = [str(word) for word in getattr(source, "RETURN_TYPES", ()) or ()]
    plain = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
    return "cpu" if set(words) <= plain else "gpu"
