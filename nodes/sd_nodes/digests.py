"""SHA-256 of files, remembered so that a large file is read once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Stamp = tuple[str, int, int, int]
"""Path, size, time of change in nanoseconds and inode: while these stay, the content is taken to stay."""


def digest_file(path: Path, state: Path | None) -> str:
    """Return the SHA-256 of a file's content in hex, from the records under `state` if the file is unchanged."""
    stamp = _stamp(path)
    record = _record(stamp, state)
    if known := _known(record):
        return known
    digest = _hashed(stamp)
    if record and _stamp(path) == stamp:
        _write(record, digest)
    return digest


def known_digest(path: Path, state: Path | None) -> str:
    """Return the SHA-256 of an unchanged file from the records under `state`, or nothing where there is none."""
    return _known(_record(_stamp(path), state))


def digest_files(root: Path, files: Iterable[Path], state: Path | None) -> str:
    """Return one SHA-256 for several files: over their names below `root`, sorted, with their contents' digests.

    A file elsewhere is named by itself and its folder, so that the digest does not tell where models lie.
    """
    lines = sorted(f"{_name(file, root)} {digest_file(file, state)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _name(file: Path, root: Path) -> str:
    below = file.is_relative_to(root)
    return file.relative_to(root).as_posix() if below else f"{file.parent.name}/{file.name}"


def _record(stamp: Stamp, state: Path | None) -> Path | None:
    return state / "digests" / hashlib.sha256(repr(stamp).encode()).hexdigest() if state else None


def _known(record: Path | None) -> str:
    known = record.read_text() if record and record.is_file() else ""
    return known if len(known) == 64 else ""


def _stamp(path: Path) -> Stamp:
    real = path.resolve()
    status = real.stat()
    return str(real), status.st_size, status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=4096)
def _hashed(stamp: Stamp) -> str:
    with Path(stamp[0]).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(record: Path, digest: str) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=record.parent)
    with os.fdopen(handle, "w") as file:
        file.write(digest)
    Path(temporary).replace(record)
