"""Writes what was measured into the README."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def write(name: str, text: str, readme: Path = README) -> None:
    """Puts text between the README's marks `<!-- name: begin -->` and `<!-- name: end -->`.

    Raises:
        ValueError: The marks are not there.
    """
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    whole = readme.read_text(encoding="utf-8")
    before, _, rest = whole.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{readme} has no place for it; needed are {begin} and {end}.")
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
