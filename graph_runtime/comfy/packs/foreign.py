"""A node that was written for ComfyUI: a node of ours that also knows how it describes itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...declaration import Node
from ...library import Library, Pack
from .dynamic import MATCHING
from .sections import labels, sections

Handler = Any  # a pack's own function for aiohttp; what it takes and gives is its business


@dataclass(frozen=True)
class ForeignPack(Pack):
    """A pack that was written for ComfyUI.

    Attributes:
        web: The folder of its scripts for the editor, or None.
        templates: The folder of its example workflows, or None.
        routes: The routes it adds to a server: method, path, handler.
        on_prompt: Its functions that change what clients post before it is checked.
        locales: The folder of its translations, or None.
        subgraphs: The folder of the sub-graphs that it offers, or None.
    """

    web: Path | None = None
    templates: Path | None = None
    routes: tuple[tuple[str, str, Handler], ...] = ()
    on_prompt: tuple[Handler, ...] = ()
    locales: Path | None = None
    subgraphs: Path | None = None


@dataclass(frozen=True, eq=False)
class ForeignNode(Node):
    """A node that was written for ComfyUI.

    Attributes:
        source: Its class; the class itself says what the editor is told.
    """

    source: Any = field(default=None)  # the pack's class: nothing is known of it but by asking

    def entry(self, pack: str) -> dict[str, object]:
        """Describe it to the editor, in its own words."""
        found = sections(self.source)
        source = self.source
        words = tuple(getattr(source, "RETURN_TYPES", ()))
        lists = tuple(getattr(source, "OUTPUT_IS_LIST", ())) or (False,) * len(words)
        said: dict[str, object] = {
            "input": {name: {key: plain(value) for key, value in part.items()} for name, part in found.items()},
            "input_order": {name: list(part) for name, part in found.items()},
            "is_input_list": bool(getattr(source, "INPUT_IS_LIST", False)),
            "output": [plain(word) for word in words],
            "output_is_list": [bool(one) for one in lists],
            "output_name": list(labels(source)),
            "name": self.id,
            "display_name": self.title,
            "description": self.docs.summary,
            "python_module": f"custom_nodes.{pack}",
            "category": self.category,
            "output_node": self.sink,
        }
        for name in ("OUTPUT_TOOLTIPS", "SEARCH_ALIASES", "ESSENTIALS_CATEGORY"):
            if more := getattr(source, name, None):
                said[name.lower()] = plain(more)
        for flag in ("DEPRECATED", "EXPERIMENTAL", "DEV_ONLY", "HAS_INTERMEDIATE_OUTPUT"):
            if getattr(source, flag, False):
                said[flag.lower()] = True
        return said | _matching(source, words)

    def config(self, name: str) -> list[object] | None:
        """Describe an input as `[type, options]`, or give None where the class declares no such input."""
        for part in sections(self.source).values():
            if name in part:
                found = plain(part[name])
                return found if isinstance(found, list) else [found]
        return None


def _matching(source: Any, words: Sequence[object]) -> dict[str, object]:
    """Say which outputs have the type of a template."""
    templates = tuple(getattr(source, "OUTPUT_MATCHTYPES", ()))
    if not any(templates):
        return {}
    pairs = zip(words, templates, strict=True)
    return {
        "output": [plain(word) if template is None else MATCHING for word, template in pairs],
        "output_matchtypes": list(templates),
    }


def foreign_packs(library: Library) -> Iterable[ForeignPack]:
    """The packs of a library that were written for ComfyUI."""
    return (pack for pack in library.packs if isinstance(pack, ForeignPack))


def plain(value: object) -> object:
    """Make JSON data of what a class says of itself; what JSON cannot tell becomes a text."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else math.copysign(2**53 - 1, value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)
