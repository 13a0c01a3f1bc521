"""A kept result as bytes: a manifest that checks itself, and blobs that are named by their content.

The manifest is one line with the format's name, its version and the SHA-256 of the rest, and then JSON. Small blobs
stand in the manifest, larger ones lie beside it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .blob import Blob, Tree
from .codec import Stale, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..results import Result

MAGIC = b"graph-result 1 "
INLINE_LIMIT = 2048
"""Blobs of up to this many bytes stand in the manifest: a file of their own would take up more."""


_NAME = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """Bytes are not what was written.

    Args:
        blob: The blob that is damaged; "" for the manifest.
    """

    def __init__(self, blob: str = "") -> None:
        super().__init__(blob or "manifest")
        self.blob = blob


@dataclass(frozen=True, slots=True)
class Entry:
    """A result, ready to be written.

    Attributes:
        manifest: The bytes of the manifest.
        blobs: What lies beside it, by digest.
    """

    manifest: bytes
    blobs: Mapping[str, Blob]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read and is whole.

    Attributes:
        key: The key of the result.
        value: The result as a tree.
        blobs: The blobs by number: a digest, or the bytes themselves.
    """

    key: str
    value: Tree
    blobs: tuple[str | bytes, ...]

    @property
    def beside(self) -> frozenset[str]:
        """The digests of the blobs that lie beside it."""
        return frozenset(blob for blob in self.blobs if isinstance(blob, str))


def place_of_entry(key: str) -> str:
    """Where the manifest of a key lies, whatever the key is."""
    name = key if _NAME.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"entries/{name[:2]}/{name}.json"


def place_of_blob(digest: str) -> str:
    """Where a blob lies.

    Raises:
        Damaged: It is no name of a blob, and might be a path to elsewhere.
    """
    if not _NAME.fullmatch(digest):
        raise Damaged
    return f"blobs/{digest[:2]}/{digest}"


def pack(key: str, result: Result, classes: Mapping[str, type]) -> Entry:
    """Write a result down.

    Raises:
        Unstorable: Something in it has no form in a file.
    """
    tree, blobs = encode(result, classes)
    beside = {blob.digest: blob for blob in blobs if blob.size > INLINE_LIMIT}
    listed: list[Tree] = [
        blob.digest if blob.digest in beside else [base64.b85encode(blob.joined()).decode()] for blob in blobs
    ]
    body = json.dumps({"key": key, "blobs": listed, "value": tree}, separators=(",", ":")).encode()
    return Entry(MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body, beside)


def parse(data: bytes) -> Manifest:
    """Read a manifest and check it.

    Raises:
        Damaged: It is not what was written.
        Stale: It is of another version.
    """
    head, _, body = data.partition(b"\n")
    if head.removeprefix(MAGIC) != hashlib.sha256(body).hexdigest().encode():
        if head[:-64] != MAGIC and head.startswith(MAGIC.split()[0]) and body:
            raise Stale("it is of another version")
        raise Damaged
    try:
        found = json.loads(body)
        blobs = tuple(blob if isinstance(blob, str) else base64.b85decode(blob[0]) for blob in found["blobs"])
        return Manifest(found["key"], found["value"], blobs)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Damaged from error


def unpack(manifest: Manifest, read: Callable[[str], bytes], classes: Mapping[str, type]) -> object:
    """Make a result out of its manifest.

    Args:
        manifest: The manifest.
        read: Gives the bytes of a blob that lies beside it.
        classes: The classes whose instances may be made, by name.

    Raises:
        Damaged: A blob is not what was written.
        Stale: It does not fit this code.
    """

    def blob(index: int) -> bytes:
        found = manifest.blobs[index]
        return found if isinstance(found, bytes) else checked(found, read(found))

    return decode(manifest.value, blob, classes)


def checked(digest: str, data: bytes) -> bytes:
    """Give the bytes of a blob if they are what its name says.

    Raises:
        Damaged: They are not.
    """
    if hashlib.sha256(data).hexdigest() != digest:
        raise Damaged(digest)
    return data
