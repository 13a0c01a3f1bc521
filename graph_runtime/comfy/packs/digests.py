"""Digests the files of a pack: what was trusted, and what results depend on."""

from __future__ import annotations

import hashlib
from pathlib import Path

_LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", "node_modules"})


def digest_of_pack(path: Path) -> str:
    """SHA-256 of the names and the content of all files of a pack, in hexadecimal.

    Args:
        path: Its folder, or its one file.
    """
    whole = hashlib.sha256()
    for file in files_of(path):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        whole.update(f"{len(name)} {name} {content}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def files_of(path: Path) -> list[Path]:
    """The files of a pack in the order of their names; what Python and tools make of them is left out."""
    if not path.is_dir():
        return [path]
    below = sorted(path.rglob("*"))
    return [file for file in below if file.is_file() and not _LEFT_OUT & set(file.relative_to(path).parts)]
