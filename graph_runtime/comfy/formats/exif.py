"""The texts in a block of EXIF data, in the manner of ComfyUI: a tag of the camera holds `name:text`.

The block is a small TIFF file (TIFF 6.0, EXIF 2.32): a header that says the order of bytes, and directories of tags.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

from .limits import PictureError

HEADER = b"Exif\0\0"
"""What stands before the block in a JPEG file, and sometimes in a WebP file."""

PROMPT_TAG = 0x0110
"""The tag of the prompt, officially the camera's model; further texts have the tags below it."""

_TEXT = 2
_SUB_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
_TAG_LIMIT = 1000


def read_texts(block: bytes) -> dict[str, str]:
    """Read the texts of a block.

    Args:
        block: The EXIF data, with or without its header.

    Returns:
        The texts by name in lower case, such as "prompt" and "workflow".

    Raises:
        PictureError: The block is damaged.
    """
    block = block.removeprefix(HEADER)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        raise PictureError("its EXIF data is damaged: it has no order of bytes.")
    texts: dict[str, str] = {}
    for tag, data in _tags(block, order):
        if tag == _USER_COMMENT:
            texts |= _comment(data)
            continue
        name, found, text = data.rstrip(b"\0").decode("utf-8", "replace").partition(":")
        if found and name.isidentifier():
            texts.setdefault(name.lower(), text)
    return texts


def written(texts: Mapping[str, str]) -> bytes:
    """Write texts as a block: the prompt under its tag, the others under the tags below it.

    Args:
        texts: The texts by name.

    Returns:
        The EXIF data, without a header.
    """
    others = [name for name in texts if name != "prompt"]
    tags = {PROMPT_TAG - 1 - place: name for place, name in enumerate(others)}
    if "prompt" in texts:
        tags[PROMPT_TAG] = "prompt"
    entries, data = b"", b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        text = f"{tags[tag]}:{texts[tags[tag]]}".encode() + b"\0"
        entries += struct.pack("<HHII", tag, _TEXT, len(text), start + len(data))
        data += text + b"\0" * (len(text) % 2)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0" + data


def _tags(block: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Give every tag that holds bytes, of the first directory and of the one within it."""
    pending = [_at(block, order + "I", 4)]
    seen: set[int] = set()
    while pending:
        place = pending.pop()
        if place in seen:
            return
        seen.add(place)
        count = _at(block, order + "H", place)
        for number in range(min(count, _TAG_LIMIT)):
            entry = place + 2 + 12 * number
            tag, kind = _at(block, order + "H", entry), _at(block, order + "H", entry + 2)
            length, value = _at(block, order + "I", entry + 4), _at(block, order + "I", entry + 8)
            if tag == _SUB_DIRECTORY:
                pending.append(value)
            elif kind in (1, _TEXT, 7):
                start = value if length * _SIZES[kind] > 4 else entry + 8
                if start + length > len(block):
                    raise PictureError("its EXIF data is cut off.")
                yield tag, block[start : start + length]


def _at(block: bytes, form: str, place: int) -> int:
    try:
        return int(struct.unpack_from(form, block, place)[0])
    except struct.error:
        raise PictureError("its EXIF data is cut off.") from None


def _comment(data: bytes) -> dict[str, str]:
    """Read the user's comment, in which some packs keep an object of texts; programs differ in its order of bytes."""
    code, rest = data[:8], data[8:]
    for encoding in ("utf-16-be", "utf-16-le") if code.startswith(b"UNICODE") else ("utf-8",):
        try:
            found = json.loads(rest.decode(encoding, "replace").rstrip("\0"))
        except (ValueError, RecursionError):
            continue
        items = found.items() if isinstance(found, dict) else ()
        return {name: text if isinstance(text, str) else json.dumps(text) for name, text in items}
    return {}
