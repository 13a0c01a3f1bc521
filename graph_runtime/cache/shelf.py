"""The files of a cache on disk: where they lie, how they are written whole, how they are read.

    entries/ab/abcd….json    a manifest; its time of change is when it was last used
    blobs/ab/abcd…           a blob, named by its content
    writing/                 files on their way; what is left of a process that died is swept
    damaged/                 what was found damaged
    lock                     held while something is written or removed; holds the total

Nothing is changed in place: a file is written under another name and renamed, so it is there as a whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from .entry import Manifest, parse, place_of_blob, place_of_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedWriter

    from .blob import Blob
    from .entry import Entry

_BLOCK = 4096
_LASTING = 1 << 20
"""Files of at least this many bytes are synced. A rename survives the death of a process without that; a small file
that is lost with the power is told by its checksum and made again, which costs less than syncing all of them."""

Kind: TypeAlias = Literal["entries", "blobs", "writing", "damaged"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the cache.

    Attributes:
        path: Where it lies.
        kind: What it is.
        bytes: What it takes up.
        used: When it was last used, in nanoseconds.
        inode: Tells it from another file of the same name.
    """

    path: Path
    kind: Kind
    bytes: int
    used: int
    inode: int


def footprint(size: int) -> int:
    """What a file takes up on a disk, in bytes: whole blocks."""
    return -(-size // _BLOCK) * _BLOCK


class Shelf:
    """Reads and writes the files below a folder.

    Args:
        root: The folder; it is made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "lock"

    def entry(self, key: str) -> Path:
        """Where the manifest of a key lies."""
        return self.root / place_of_entry(key)

    def blob(self, digest: str) -> Path:
        """Where a blob lies.

        Raises:
            Damaged: It is no name of a blob.
        """
        return self.root / place_of_blob(digest)

    def manifest(self, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            OSError: It is not there, or cannot be read.
            Damaged: It is not what was written.
            Stale: It is of another version.
        """
        return parse(path.read_bytes())

    def content(self, digest: str) -> bytes:
        """Read a blob.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        return self.blob(digest).read_bytes()

    def missing(self, entry: Entry) -> dict[Path, Blob]:
        """The blobs of an entry that are not there yet."""
        wanted = {self.blob(digest): blob for digest, blob in entry.blobs.items()}
        return {path: blob for path, blob in wanted.items() if size(path) != blob.size}

    def write(self, path: Path, pieces: tuple[bytes | memoryview, ...]) -> None:
        """Write a file, whole or not at all.

        Raises:
            OSError: There is no room, or no permission.
        """
        passing = self.root / "writing" / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with _created(passing) as file:
                file.writelines(pieces)
                if sum(len(piece) for piece in pieces) >= _LASTING:
                    file.flush()
                    os.fsync(file.fileno())
            touch(passing)
            _rename(passing, path)
        except BaseException:
            remove(passing)
            raise

    def set_aside(self, path: Path) -> None:
        """Take a damaged file out of use; it stays to be looked at until its room is needed."""
        with suppress(OSError):  # somebody else may have done it
            _rename(path, self.root / "damaged" / path.name)

    def files(self) -> Iterator[File]:
        """All files but the lock."""
        for kind in _KINDS:
            yield from _files(self.root / kind, kind)


def size(path: Path) -> int:
    """How long a file is, in bytes; -1 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def touch(path: Path) -> None:
    """Note that a file was used, as finely as the clock goes."""
    now = time.time_ns()
    with suppress(OSError):  # it may be somebody else's, or gone
        os.utime(path, ns=(now, now))


def remove(path: Path) -> bool:
    """Remove a file and tell whether that went well."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _created(path: Path) -> BufferedWriter:
    """Make a new file, with the mode that the umask says."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def _rename(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _files(folder: Path, kind: Kind) -> Iterator[File]:
    try:
        found = list(os.scandir(folder))
    except OSError:  # it was never made
        return
    for item in found:
        try:
            if item.is_dir(follow_symlinks=False):
                yield from _files(Path(item.path), kind)
                continue
            stat = item.stat(follow_symlinks=False)
        except FileNotFoundError:  # removed by another process meanwhile
            continue
        yield File(Path(item.path), kind, footprint(stat.st_size), stat.st_mtime_ns, stat.st_ino)
