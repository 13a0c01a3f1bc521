"""Which packs of the user's pack folder may be imported: those whose files are as they were when they were trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ... import atomic
from ...discovery import of_path, packs_in
from ...errors import GraphError
from ...library import Dialect, Failure, Library
from .digests import digest_of_pack

Standing: TypeAlias = Literal["trusted", "changed", "unknown"]


@dataclass(frozen=True)
class Trust:
    """What the user trusts.

    Attributes:
        path: The file in which that is written down.
    """

    path: Path

    def standing(self, pack: Path) -> Standing:
        """Tell whether a pack is trusted, was trusted with other files, or is unknown."""
        known = self._read().get(_key(pack))
        if known is None:
            return "unknown"
        return "trusted" if known == digest_of_pack(pack) else "changed"

    def trust(self, pack: Path) -> None:
        """Write down that a pack is trusted as it is now."""
        self._write({**self._read(), _key(pack): digest_of_pack(pack)})

    def untrust(self, pack: Path) -> None:
        """Write down that a pack is trusted no more."""
        self._write({name: digest for name, digest in self._read().items() if name != _key(pack)})

    def _read(self) -> Mapping[str, str]:
        """What is written down; a file that cannot be read trusts nobody."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, known: Mapping[str, str]) -> None:
        try:
            atomic.write(self.path, json.dumps(known, indent=2).encode())
        except OSError as error:
            raise GraphError(f"{self.path} cannot be written: {error.strerror}.") from error


def _key(pack: Path) -> str:
    return str(pack.resolve())


def packs_by_name(folder: Path) -> dict[str, Path]:
    """The packs of a folder by name; none where there is no such folder."""
    found = packs_in(folder) if folder.is_dir() else []
    return {path.name if path.is_dir() else path.stem: path for path in found}


def trusted(folder: Path, record: Path, library: Library, dialect: Dialect) -> Library:
    """Add the packs of the user's folder that are trusted; the others are reported and not imported.

    Args:
        folder: The user's pack folder.
        record: The file in which it is written down what is trusted.
        library: The packs that were loaded before.
        dialect: The way in which packs are written.
    """
    trust = Trust(record)
    for name, path in packs_by_name(folder).items():
        standing = trust.standing(path)
        if standing == "trusted":
            library += of_path(path, library, dialect)
        else:
            why = "its files were changed since it was trusted" if standing == "changed" else "it is not trusted yet"
            failure = Failure(name, f"{why}; look at it in {path.parent}, then: controlgraph packs trust {name}")
            library += Library(failures=(failure,))
    return library
