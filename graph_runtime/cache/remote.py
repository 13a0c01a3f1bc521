"""Keeps results in a store that machines share: a bucket, a server, whatever fsspec has a name for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from ..results import Result
from .classes import OWN_CLASSES, name_of
from .codec import Stale
from .entry import Damaged, pack, parse, place_of_blob, place_of_entry, unpack
from .reasons import Reasons, nobody
from .tensors import Unstorable
from .writer import WAITING_LIMIT, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Store(Protocol):
    """What is needed of a file system of fsspec."""

    def exists(self, path: str) -> bool:
        """Tell whether a file is there."""

    def cat_file(self, path: str) -> bytes:
        """Read a file."""

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write a file."""

    def makedirs(self, path: str, exist_ok: bool) -> None:
        """Make a folder, where a store has folders."""


class RemoteCache:
    """Keeps results in a store, in the same files as `DiskCache` does; behind one, it lets machines share results.

    Manifests are written last, and everything is checked when it is read, so neither a writer that dies nor a store
    that shows half a file gives a wrong result. There is no bound: a store is kept small by its own rules.

    Args:
        url: Where the results lie, such as `s3://bucket/folder`.
        classes: The classes whose instances may be read beside plain values.
        tell: Is told why results are not kept or not read, each reason once.
        waiting: Bytes of results that may wait to be written.
        options: What the store wants to know beside, such as a profile.

    Raises:
        ValueError: No store goes by that name.
        ImportError: The package for the store is not installed.
    """

    def __init__(
        self,
        url: str,
        classes: Iterable[type] = (),
        tell: Callable[[str], object] = nobody,
        waiting: int = WAITING_LIMIT,
        **options: object,
    ) -> None:
        import fsspec  # type: ignore[import-untyped]  # it comes without types

        store, root = fsspec.core.url_to_fs(url, **options)
        self._store = cast("Store", store)
        self._root = root.rstrip("/")
        self._classes = {name_of(kind): kind for kind in (*OWN_CLASSES, *classes)}
        self._writer = Writer(self._write, waiting)
        self._reasons = Reasons(tell, url)

    def __contains__(self, key: str) -> bool:
        """Ask the store; costs a round trip."""
        try:
            return self._writer.get(key) is not None or self._store.exists(self._path(place_of_entry(key)))
        except Exception as error:  # each store has errors of its own
            self._reasons.say("Results cannot be looked up", error)
            return False

    def get(self, key: str) -> Result | None:
        """Read a result, or give None where there is none, it is damaged, or it does not fit this code."""
        return self._writer.get(key) or self._read(key)

    def put(self, key: str, result: Result) -> None:
        """Have a result written in the background; a value that has no form in a file is left out."""
        self._writer.put(key, result)

    def flush(self) -> None:
        """Return when everything that was put is written."""
        self._writer.flush()

    def _path(self, place: str) -> str:
        return f"{self._root}/{place}"

    def _read(self, key: str) -> Result | None:
        try:
            manifest = parse(self._store.cat_file(self._path(place_of_entry(key))))
            result = unpack(manifest, self._blob, self._classes)
        except (FileNotFoundError, Damaged, Stale):  # the next put writes it anew
            return None
        except Exception as error:  # each store has errors of its own
            self._reasons.say("Results cannot be read", error)
            return None
        return result if manifest.key == key and isinstance(result, Result) else None

    def _blob(self, digest: str) -> bytes:
        return self._store.cat_file(self._path(place_of_blob(digest)))

    def _write(self, key: str, result: Result) -> None:
        try:
            entry = pack(key, result, self._classes)
            for digest, blob in entry.blobs.items():
                self._pipe(place_of_blob(digest), blob.joined())
            self._pipe(place_of_entry(key), entry.manifest)
        except Unstorable:
            return
        except Exception as error:  # each store has errors of its own
            self._reasons.say("Results are not kept", error)

    def _pipe(self, place: str, data: bytes) -> None:
        path = self._path(place)
        self._store.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._store.pipe_file(path, data)
