"""Names that clients send, as paths that stay inside a folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ..injected import Folders
from .bodies import refused

KINDS = ("input", "output", "temp")


def folder_of(folders: Folders, kind: str) -> Path:
    """The folder of pictures that a client calls input, output or temp.

    Raises:
        Refused: There is no such folder.
    """
    if kind not in KINDS:
        raise refused(f"found the folder {kind[:40]!r}, needs one of {', '.join(KINDS)}.")
    found: Path = getattr(folders, kind)
    return found


def inside(root: Path, *names: str) -> Path:
    """The path to which names lead below a folder; links that lead out of it are followed no further.

    Args:
        root: The folder.
        names: Relative paths, one below the other, with slashes of either direction.

    Raises:
        Refused: They lead out of the folder, or no file can have such a name.
    """
    parts: list[str] = []
    for name in names:
        plain = PurePosixPath(name.replace("\\", "/"))
        if plain.is_absolute() or ".." in plain.parts or any(_is_odd(part) for part in plain.parts):
            raise refused("the name leads out of its folder, or no file can have it.", 403)
        parts += plain.parts
    path = root.joinpath(*parts)
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise refused("the name leads out of its folder.", 403)
    except (OSError, RuntimeError, ValueError):  # too long for the file system, links in a circle
        raise refused("no file can have that name.") from None
    return path


def _is_odd(part: str) -> bool:
    return ":" in part or len(part.encode("utf-8", "replace")) > 255 or not part.isprintable()
