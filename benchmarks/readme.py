"""Writes what was measured into the README."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def has_place(name: str, readme: Path = README) -> bool:
    """Tell whether the README has marks of a name."""
    text = readme.read_text(encoding="utf-8")
    return all(mark in text for mark in _marks(name))


def write(name: str, text: str, readme: Path = README) -> None:
    """Puts text between the README's marks `<!-- name: begin -->` and `<!-- name: end -->`.

    Raises:
        ValueError: The marks are not there.
    """
    begin, end = _marks(name)
    whole = readme.read_text(encoding="utf-8")
    before, _, rest = whole.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{readme} has no place for it; needed are {begin} and {end}.")
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
