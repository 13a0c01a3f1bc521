"""What a sink shows, as the editor displays it: files by folder and name, lines of text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..injected import Folders
from ..results import Shown, ShownFile

_SECTIONS = {"image": "images", "video": "video", "audio": "audio"}


def output_of(shown: Shown[object], folders: Folders) -> dict[str, object]:
    """Describe what a sink shows.

    Args:
        shown: What it shows.
        folders: Where its files lie; a file outside of them cannot be viewed and is left out.

    Returns:
        Lists by what the editor calls them: `images`, `video`, `audio`, `files`, `text`, and what the sink adds itself.
    """
    found: dict[str, object] = {}
    lists = (value for value in shown.extra.values() if isinstance(value, list))
    told = [_name(item) for items in lists for item in items if isinstance(item, dict)]
    for file in shown.files:
        place = _placed(file, folders)
        if place is not None and _name(place) not in told:
            section = found.setdefault(_SECTIONS.get(file.media.partition("/")[0], "files"), [])
            assert isinstance(section, list)
            section.append(place)
    if shown.text:
        found["text"] = list(shown.text)
    return found | {name: value for name, value in shown.extra.items() if _is_json(value)}


def _name(place: Mapping[str, object]) -> tuple[object, ...]:
    return place.get("filename"), place.get("subfolder") or "", place.get("type")


def _placed(file: ShownFile, folders: Folders) -> dict[str, str] | None:
    root: Path = getattr(folders, file.folder)
    try:
        inside = Path(file.path).absolute().relative_to(root.absolute())
    except ValueError:
        return None
    subfolder = "" if inside.parent == Path() else inside.parent.as_posix()
    return {"filename": inside.name, "subfolder": subfolder, "type": file.folder}


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
