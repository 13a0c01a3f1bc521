"""Reads what a class written for ComfyUI says of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ...declaration import MISSING, Input, Output
from ...errors import DeclarationError
from ...injected import Folders
from ...sockets import Choices, Range, Socket, Text
from ..wire import ANYTHING, WireType
from .calling import Call, current, entered
from .dynamic import CHOOSING
from .modules import importable
from .shims.comfy_types import IO

Section = Mapping[str, Any]  # what a class declares for each input: a tuple of a type and options, as a pack wrote it

PLAIN: Mapping[str, type] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
LINKED = frozenset({
    "IMAGE", "MASK", "LATENT", "CONDITIONING", "MODEL", "CLIP", "VAE", "CONTROL_NET", "CLIP_VISION",
    "CLIP_VISION_OUTPUT", "STYLE_MODEL", "GLIGEN", "UPSCALE_MODEL", "SAMPLER", "SIGMAS", "GUIDER", "NOISE", "AUDIO",
    "VIDEO", "LORA_MODEL", "HOOKS", "MESH", "VOXEL", "SEGS",
})  # fmt: skip
"""Words of values that no workflow file can write down; packs have widgets of their own for any other word."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands on an optional input that a workflow leaves out: the function is not told of it."""

    def __str__(self) -> str:
        return "left to the node"


ABSENT = Absent()


def sections(source: Any, folders: Folders | None = None) -> dict[str, Section]:
    """Ask a class for its inputs: by section, then by name.

    Args:
        source: The class.
        folders: Where the files lie that it lists; where the call that asks knows them when left out.
    """
    with importable(), entered(Call(folders or current().folders)):
        found = source.INPUT_TYPES()
    if not isinstance(found, Mapping):
        raise DeclarationError("INPUT_TYPES gives no dict.")
    return {str(name): part for name, part in found.items() if isinstance(part, Mapping)}


def labels(source: Any) -> Sequence[str]:
    """The names of the outputs of a class."""
    words = tuple(getattr(source, "RETURN_TYPES", ()) or ())
    names = tuple(getattr(source, "RETURN_NAMES", ()) or ())
    return [str(names[place]) if place < len(names) else word_of(word) for place, word in enumerate(words)]


def outputs(source: Any) -> tuple[Output, ...]:
    """The outputs of a class."""
    words = tuple(getattr(source, "RETURN_TYPES", ()) or ())
    lists = tuple(getattr(source, "OUTPUT_IS_LIST", None) or ())
    tips = tuple(getattr(source, "OUTPUT_TOOLTIPS", None) or ())
    return tuple(
        Output(
            label,
            Socket(_type_of(word), place < len(lists) and bool(lists[place])),
            str(tips[place]) if place < len(tips) and tips[place] else "",
        )
        for place, (word, label) in enumerate(zip(words, labels(source), strict=True))
    )


def options_of(spec: Any) -> Mapping[str, Any]:
    """The options of a declared input."""
    given = spec[1] if isinstance(spec, Sequence) and not isinstance(spec, str) and len(spec) > 1 else {}
    return given if isinstance(given, Mapping) else {}


def type_of(spec: Any) -> Any:
    """The type of a declared input: a word, or a list of choices."""
    return spec if isinstance(spec, str) or not isinstance(spec, Sequence) else spec[0]


def word_of(word: Any) -> str:
    """The word of a declared type as it is written."""
    return str.__str__(word) if isinstance(word, str) else "COMBO"


def input_of(source: Any, section: str, name: str, spec: Any, free: bool) -> Input:
    """Read one declared input.

    Args:
        source: The class.
        section: Where it stands: required or optional.
        name: Its name.
        spec: What is declared.
        free: Whether the class checks the value by itself, so that bounds and choices do not count.
    """
    options = options_of(spec)
    is_list = bool(getattr(source, "INPUT_IS_LIST", False))
    raw = is_raw(spec)  # whatever comes over its link is not looked at, be it one value or a list
    lazy = raw or (bool(options.get("lazy")) and hasattr(source, "check_lazy_status"))
    socket = _socket(source, section, name, spec, free, raw or (is_list and not lazy), lazy)
    default = ABSENT if section == "optional" else MISSING
    return Input(name, socket, default, str(options.get("tooltip") or ""), options.get("default"))


def is_raw(spec: Any) -> bool:
    """Tell whether a link is given to the function as it stands in the workflow."""
    return bool(options_of(spec).get("rawLink"))


def _socket(source: Any, section: str, name: str, spec: Any, free: bool, is_list: bool, lazy: bool) -> Socket:
    kind, options = type_of(spec), options_of(spec)
    if not isinstance(kind, str):
        return _choice(source, section, name, list(kind), free, is_list, lazy)
    word = word_of(kind)
    if word == "COMBO" and isinstance(options.get("options"), Sequence) and not _is_of_several(options):
        return _choice(source, section, name, list(options["options"]), free, is_list, lazy)
    type = _type_of(kind, bool(options.get("forceInput")))
    bounds = None if free or type not in (int, float) else _bounds(options)
    text = Text() if type is str and options.get("multiline") else None
    return Socket(type, is_list, False, lazy, bounds, text, None, _is_fresh(options), lenient=True)


def _is_of_several(options: Mapping[str, Any]) -> bool:
    """Tell whether several names of a choice may be chosen; the word for it is a truth value or how it is drawn."""
    return bool(options.get("multiselect")) or options.get("multi_select", False) is not False


def _choice(
    source: Any, section: str, name: str, values: list[Any], free: bool, is_list: bool, lazy: bool
) -> Socket:  # fmt: skip
    """A choice; names are looked up anew each time, since classes list files."""
    if values and not all(isinstance(value, str) for value in values):
        return Socket(object if free else Literal[tuple(values)], is_list, False, lazy, lenient=True)
    names = Choices(partial(_names, source, section, name, values), open=free)
    return Socket(str, is_list, False, lazy, choices=names, lenient=True)


def _names(source: Any, section: str, name: str, known: list[Any], folders: Folders) -> list[str]:
    """The choices as the class lists them now; as it did before where the input comes with another one."""
    spec = sections(source, folders).get(section, {}).get(name)
    if spec is None or type_of(spec) == CHOOSING:
        return [str(value) for value in known]
    kind = type_of(spec)
    return [str(value) for value in (options_of(spec).get("options", ()) if isinstance(kind, str) else kind)]


def _type_of(word: Any, linked: bool = False) -> object:
    """The type that a word stands for: a plain one for exactly INT, FLOAT, STRING and BOOLEAN."""
    if not isinstance(word, str):
        return str
    written = word_of(word)
    if type(word) in (str, IO) and written in PLAIN and not linked:
        return PLAIN[written]
    words = {part.strip() for part in written.split(",")}
    return WireType(word, literal=not linked and (ANYTHING in words or not words <= LINKED))


def _bounds(options: Mapping[str, Any]) -> Range | None:
    low, high, step = (options.get(name) for name in ("min", "max", "step"))
    found = [value if isinstance(value, int | float) else None for value in (low, high, step)]
    return None if found == [None, None, None] else Range(*found)


def _is_fresh(options: Mapping[str, Any]) -> bool:
    return bool(options.get("control_after_generate"))
