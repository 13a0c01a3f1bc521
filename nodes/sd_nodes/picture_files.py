"""Pictures on disk: found by a name inside a folder, read whatever their format, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from graph_runtime import NodeError, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from graph_runtime import Folders

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2", ".ppm"))
NAME = 235
"""The bytes that a prefix may take up in a file's name of 255, with a number and an ending behind it."""

PLACE = re.compile(r"^(.*) \[(input|output|temp)\]$")


def picture_names(folders: Folders) -> Sequence[str]:
    """Return the names of the pictures in the input folder, those in folders below it too, and of the samples."""
    return sorted({name for root in folders.inputs for name in _pictures_in(root)})


def _pictures_in(root: Path) -> Iterator[str]:
    found = (Path(place, file) for place, _, files in os.walk(root) for file in files)
    return (path.relative_to(root).as_posix() for path in found if path.suffix.lower() in SUFFIXES)


def find_picture(name: str, folders: Folders) -> Path:
    """Return where a picture lies.

    Args:
        name: A path below the input folder; ` [output]` or ` [temp]` after it names another folder.
        folders: The folders.

    Raises:
        NodeError: It is not there, or the name leads out of the folder.
    """
    match = PLACE.match(name)
    bare, place = (match[1], match[2]) if match else (name, "input")
    root: Path = getattr(folders, place)
    name_inside = inside(bare, f"the {place} folder", "image")
    roots = folders.inputs if place == "input" else (root,)
    try:
        if path := next((root / name_inside for root in roots if (root / name_inside).is_file()), None):
            return path
    except (OSError, ValueError):
        pass
    if not any(root.is_dir() for root in roots):
        raise NodeError(f'"{bare}" is not there: there is no folder {root}. Give --input the folder of your pictures.')
    names = list(picture_names(folders)) if place == "input" else []
    there = f" There is: {listed(names)}." if names else ""
    raise NodeError(f'there is no picture "{bare}" in {root}.{there}', input="image", nearest=nearest(bare, names))


def inside(name: str, what: str, input: str) -> PurePosixPath:
    """Return a relative path that stays inside its folder; slashes of both directions are the same.

    Raises:
        NodeError: It leads out of the folder, or is no path.
    """
    path = PurePosixPath(os.path.normpath(name.replace("\\", "/")).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"^[A-Za-z]:", name) or "\0" in name:
        raise NodeError(f'"{name}" leads out of {what}: needs a name inside it.', input=input)
    return path


def split_prefix(prefix: str) -> tuple[PurePosixPath, str]:
    """Split the prefix of saved pictures into a folder below the output folder and the beginning of the files' names.

    Raises:
        NodeError: It leads out of the output folder, or a name in it is longer than file systems take.
    """
    path = inside(prefix, "the output folder", "filename_prefix")
    longest = max((len(part.encode("utf-8", "surrogatepass")) for part in path.parts), default=0)
    if longest > NAME:
        message = f"a name in it takes {longest} bytes; with its number a file's name may take {NAME}."
        raise NodeError(message, input="filename_prefix")
    return (path, "") if prefix.endswith(("/", "\\")) else (path.parent, path.name)


def filled(prefix: str, width: int, height: int, now: datetime) -> str:
    """Fill in `%width%`, `%height%`, `%year%`, `%month%`, `%day%`, `%hour%`, `%minute%` and `%second%`."""
    values = {"width": str(width), "height": str(height), "year": str(now.year)}
    values |= {name: f"{getattr(now, name):02}" for name in ("month", "day", "hour", "minute", "second")}
    return re.sub(r"%(\w+)%", lambda match: values.get(match[1], match[0]), prefix)


def save_numbered(
    writers: Sequence[Callable[[Path], None]], root: Path, prefix: str, suffix: str = ".png"
) -> list[Path]:
    """Write files as `prefix_00001_.png`, each under the next number that is free.

    Args:
        writers: Each writes one file to the path that it is given.
        root: The folder that the prefix lies in.
        prefix: The beginning of the names; it may have folders in it.
        suffix: Their end, with its dot.

    Returns:
        Where they lie.

    Raises:
        NodeError: The prefix leads out of the folder, or the folder cannot be written.
    """
    below, stem = split_prefix(prefix)
    folder = root / below
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not folder.resolve().is_relative_to(root.resolve()):
            raise NodeError(f'"{prefix}" leads out of {root} by a link.', input="filename_prefix")
        counter = _last_number(folder, stem)
        paths: list[Path] = []
        for write in writers:
            counter, path = _write_next(write, folder, stem, counter, suffix)
            paths.append(path)
        return paths
    except OSError as error:
        raise NodeError(f"{folder} cannot be written: {error.strerror or error}.", input="filename_prefix") from error


def _last_number(folder: Path, stem: str) -> int:
    pattern = re.compile(re.escape(stem) + r"_(\d+)_?(?:\..*)?$")
    numbers = (int(match[1]) for entry in os.scandir(folder) if (match := pattern.match(entry.name)))
    return max(numbers, default=0)


def _write_next(write: Callable[[Path], None], folder: Path, stem: str, counter: int, suffix: str) -> tuple[int, Path]:
    """Write under a temporary name, then give the file its own; a number that is taken meanwhile is passed."""
    temporary = folder / f".saving-{uuid4().hex}{suffix}"
    try:
        write(temporary)
        while True:
            counter += 1
            path = folder / f"{stem}_{counter:05}_{suffix}"
            if _renamed(temporary, path):
                return counter, path
    finally:
        temporary.unlink(missing_ok=True)


def _renamed(temporary: Path, path: Path) -> bool:
    """Give a file its name unless the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        temporary.replace(path)
    return True


def chunks_of(prompt: Mapping[str, object], document: Mapping[str, object]) -> dict[str, str]:
    """Return the texts that travel in a PNG: the prompt, and the editor's document where the run has one."""
    texts = {"prompt": prompt, "workflow": document}
    return {name: json.dumps(value) for name, value in texts.items() if value}
