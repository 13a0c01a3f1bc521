"""Whether the files that a kept result shows are still as its node left them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from .injected import Folders
from .results import Result, ShownFile


def sealed(result: Result) -> Result:
    """Note the digest of each file that was shown, so that a later run can tell whether it is still the same."""
    if result.shown is None or not result.shown.files:
        return result
    files = tuple(replace(file, digest=file.digest or digest_of(file.path)) for file in result.shown.files)
    return replace(result, shown=replace(result.shown, files=files))


def untouched(result: Result, folders: Folders | None = None) -> bool:
    """Tell whether the files that a kept result shows are still as they were.

    Args:
        result: The result.
        folders: Where the files have to lie to count; anywhere when left out.
    """
    files = result.shown.files if result.shown is not None else ()
    return all(file.digest and _inside(file, folders) and digest_of(file.path) == file.digest for file in files)


def _inside(file: ShownFile, folders: Folders | None) -> bool:
    if folders is None:
        return True
    folder = {"output": folders.output, "temp": folders.temp, "input": folders.input}[file.folder]
    return Path(file.path).absolute().is_relative_to(folder.absolute())


def digest_of(path: object) -> str:
    """SHA-256 of a file's content in hexadecimal, or "" where there is no such file."""
    try:
        with open(str(path), "rb") as file:  # noqa: PTH123 - any path-like
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
