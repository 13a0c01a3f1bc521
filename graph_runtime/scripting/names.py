"""Names in a script: what is imported, and variables that say what they hold."""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
from collections.abc import Iterator

_LONGEST = 40


class Names:
    """Gives out identifiers, none of them twice."""

    def __init__(self) -> None:
        self._taken = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def take(self, *wishes: str) -> str:
        """Make an identifier of the first wish that is free; where none is, the first gets a number."""
        made = [name for wish in wishes if (name := slug(wish))] or ["value"]
        numbered = (f"{made[0]}_{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain(made, numbered) if name not in self._taken)
        self._taken.add(name)
        return name


def slug(text: str) -> str:
    """Make words an identifier in small letters: `Canny edges!` is `canny_edges`; "" where no word is left."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text[:200])
    name = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")[:_LONGEST].rstrip("_")
    return name if name.isidentifier() else ""


class Imports:
    """Collects what a script imports.

    Args:
        names: Where the imported names are taken from, so that no variable hides them.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._found: dict[tuple[str, str], str] = {}

    def add(self, module: str, name: str) -> str:
        """Import a name from a module, and give what it is called in the script."""
        key = module, name
        if key not in self._found:
            self._found[key] = self._alias(name)
        return self._found[key]

    def _alias(self, name: str) -> str:
        """Names of classes keep their capitals; a name that is taken gets a number."""
        if name.islower():
            return self._names.take(name)
        taken = set(self._found.values())
        return name if name not in taken else f"{name}_{len(taken)}"

    def lines(self, *modules: str) -> Iterator[str]:
        """Write the imports of the given modules, in that order."""
        for module in modules:
            found = [(name, alias) for (home, name), alias in self._found.items() if home == module]
            found.sort(key=lambda pair: (not pair[0].isupper(), not pair[0][0].isupper(), pair))
            parts = [name if name == alias else f"{name} as {alias}" for name, alias in found]
            line = f"from {module} import {', '.join(parts)}"
            if len(line) <= 120:
                yield line
            else:
                yield from (f"from {module} import (", *(f"    {part}," for part in parts), ")")

    @property
    def modules(self) -> list[str]:
        """The modules that something is imported from, in the order of the alphabet."""
        return sorted({module for module, _ in self._found})
