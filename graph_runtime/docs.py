"""Reads a node's docstring: the summary, what each input is, what each output is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Example|Examples|Note|Notes|References):\s*$")
_ENTRY = re.compile(r"^(\s*)\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Docs:
    """What a docstring says.

    Attributes:
        summary: Its first paragraph, on one line.
        details: The paragraphs after it, up to the first section.
        inputs: The text for each name under `Args:`.
        outputs: The text for each name under `Returns:`; a text without a name stands under "".
    """

    summary: str = ""
    details: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


def read(docstring: str | None) -> Docs:
    """Read a docstring in the Google style.

    Args:
        docstring: The raw docstring, or None.

    Returns:
        Its parts; everything is empty where the docstring says nothing.
    """
    sections = _sections(inspect.cleandoc(docstring or "").splitlines())
    paragraphs = "\n".join(sections.get("", ())).strip().split("\n\n", 1)
    summary = " ".join(paragraphs[0].split())
    details = paragraphs[1].strip() if len(paragraphs) > 1 else ""
    inputs = _entries(sections.get("Args", sections.get("Arguments", ())))
    return Docs(summary, details, inputs, _entries(sections.get("Returns", ())))


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {"": []}
    current = sections[""]
    for line in lines:
        if heading := _SECTION.match(line):
            current = sections.setdefault(heading[1], [])
        else:
            current.append(line)
    return sections


def _entries(lines: Iterable[str]) -> dict[str, str]:
    """Split a section into its entries: a deeper line belongs to the entry above it."""
    entries: dict[str, list[str]] = {}
    name, depth = "", None
    for line in lines:
        if not line.strip():
            continue
        entry = _ENTRY.match(line)
        if entry and (depth is None or len(entry[1]) <= depth):
            name, depth = entry[2], len(entry[1])
            entries[name] = [entry[3]]
        else:
            entries.setdefault(name, []).append(line.strip())
    return {name: " ".join(parts).strip() for name, parts in entries.items()}
