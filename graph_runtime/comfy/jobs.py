"""The jobs of a server, waiting, running and over, in a database that survives a crash.

A job that is accepted is in the database before the client hears of it. A job that was running when the server died
waits again when it starts: its kept results make that cheap.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import GraphError
from .database import opened

Status: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "cancelled"]

OVER: tuple[Status, ...] = ("completed", "failed", "cancelled")
HISTORY_LIMIT = 10_000
"""How many jobs that are over are kept."""

_LAST = "(SELECT max(place) FROM jobs WHERE place IS NOT NULL)"
"""The place of the job that ended last; without the condition, all jobs would be read for it."""

_LIGHT = "serial, id, status, number, client, workflow_id, created, started, ended, summary"


@dataclass(frozen=True, slots=True)
class Summary:
    """What lists tell of a job.

    Attributes:
        serial: Its place in the order of acceptance.
        id: Its id.
        status: How far it is.
        number: Its priority: the least goes first.
        client: Who posted it.
        workflow_id: The id of the editor's document, or "".
        created: When it was accepted, in milliseconds since 1970.
        started: When it began.
        ended: When it ended.
        facts: What it came to in brief, as JSON text.
    """

    serial: int
    id: str
    status: Status
    number: float
    client: str
    workflow_id: str
    created: int
    started: int | None
    ended: int | None
    facts: str


@dataclass(frozen=True, slots=True)
class Job:
    """All of a job; the parts that can be large are JSON text.

    Attributes:
        summary: What lists tell of it.
        targets: The ids of the nodes that are wanted.
        prompt: The nodes.
        extra: What the client sent along, the editor's document among it.
        record: What the history tells: outputs, status, meta.
    """

    summary: Summary
    targets: str
    prompt: str
    extra: str
    record: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A job that a client wants done.

    Attributes:
        id: Its id.
        created: When it was offered, in milliseconds since 1970.
        targets: The ids of the nodes that are wanted, as JSON text.
        prompt: The nodes, as JSON text.
        extra: What the client sent along, as JSON text.
        client: Who offers it.
        workflow_id: The id of the editor's document, or "".
        number: Its priority; its place in the order of acceptance when left out.
        front: Whether it goes before all that was accepted so far.
    """

    id: str
    created: int
    targets: str
    prompt: str
    extra: str
    client: str = ""
    workflow_id: str = ""
    number: float | None = None
    front: bool = False

    def of(self, prompt: str, targets: str) -> Offer:
        """The same offer of these nodes."""
        return replace(self, prompt=prompt, targets=targets)


class Taken(Exception):
    """There is a job of that id already."""


class Unwritable(GraphError):
    """The database takes nothing more; whatever was to be written is not there, not even in part."""


class Jobs:
    """The database of jobs; every method may be called from any thread, and those that change it raise `Unwritable`.

    Args:
        path: The file.

    Raises:
        GraphError: Another server has it open, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = opened(path)
            waiting = self._database.execute("SELECT count(*) FROM jobs WHERE status = 'pending'").fetchone()
        except (OSError, sqlite3.Error) as error:
            hint = "another server uses it; name another with --state" if "locked" in str(error) else str(error)
            raise GraphError(f"the state folder {path.parent} cannot be used: {hint}.") from error
        self._waiting: int = waiting[0]

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._waiting

    def add(self, offer: Offer) -> float:
        """Accept a job; give its number.

        Raises:
            Taken: There is a job of that id.
        """
        with self._change() as database:
            try:
                added = database.execute(
                    "INSERT INTO jobs (id, status, number, client, workflow_id, created, targets, prompt, extra)"
                    " VALUES (?, 'pending', 0, ?, ?, ?, ?, ?, ?)",
                    (
                        offer.id,
                        offer.client,
                        offer.workflow_id,
                        offer.created,
                        offer.targets,
                        offer.prompt,
                        offer.extra,
                    ),
                )
            except sqlite3.IntegrityError:
                raise Taken(offer.id) from None
            serial = added.lastrowid or 0
            number = offer.number if offer.number is not None else -serial if offer.front else serial
            database.execute("UPDATE jobs SET number = ? WHERE serial = ?", (number, serial))
            self._waiting += 1
        return number

    def take(self, started: int) -> Job | None:
        """Begin the next job, or give None where none waits."""
        with self._change() as database:
            row = database.execute(
                "SELECT serial FROM jobs WHERE status = 'pending' ORDER BY number, serial LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            database.execute("UPDATE jobs SET status = 'in_progress', started = ? WHERE serial = ?", (started, *row))
            self._waiting -= 1
        return next(self.whole("serial = ?", row))

    def finish(self, id: str, status: Status, ended: int, facts: str, record: str) -> None:
        """Write down how a job ended."""
        with self._change() as database:
            database.execute(
                "UPDATE jobs SET status = ?, ended = ?, summary = ?, record = ?,"
                f" place = coalesce({_LAST}, 0) + 1 WHERE id = ?",
                (status, ended, facts, record, id),
            )
            database.execute(f"DELETE FROM jobs WHERE place <= {_LAST} - ?", (HISTORY_LIMIT,))

    def put_back(self, id: str) -> None:
        """Let a job that runs wait again."""
        with self._change() as database:
            changed = database.execute(
                "UPDATE jobs SET status = 'pending', started = NULL WHERE id = ? AND status = 'in_progress'", (id,)
            )
            self._waiting += changed.rowcount

    def withdraw(self, ids: Iterable[str] | None) -> int:
        """Take jobs that wait out of the queue, all of them for None; give how many there were."""
        with self._change() as database:
            if ids is None:
                gone = database.execute("DELETE FROM jobs WHERE status = 'pending'").rowcount
            else:
                sql = "DELETE FROM jobs WHERE status = 'pending' AND id = ?"
                gone = sum(database.execute(sql, (id,)).rowcount for id in ids)
            self._waiting -= gone
        return gone

    def forget(self, ids: Iterable[str] | None) -> None:
        """Take jobs that are over out of the history, all of them for None."""
        with self._change() as database:
            if ids is None:
                database.execute("DELETE FROM jobs WHERE place IS NOT NULL")
            else:
                database.executemany("DELETE FROM jobs WHERE place IS NOT NULL AND id = ?", [(id,) for id in ids])

    def find(self, id: str) -> Job | None:
        """All of a job, or None where there is none of that id."""
        return next(self.whole("id = ?", (id,)), None)

    def queued(self, status: Status) -> Iterator[Job]:
        """The jobs that wait or run, in their order."""
        return self.whole("status = ? ORDER BY number, serial", (status,))

    def history(self, limit: int | None, offset: int) -> Iterator[Job]:
        """Jobs that are over, in the order in which they ended; without an offset (-1), the latest ones."""
        if limit is not None and offset < 0:
            latest = list(self.whole("place IS NOT NULL ORDER BY place DESC LIMIT ?", (limit,)))
            return reversed(latest)
        return self.whole(
            "place IS NOT NULL ORDER BY place LIMIT ? OFFSET ?", (-1 if limit is None else limit, max(offset, 0))
        )

    def count(self, statuses: Sequence[Status]) -> int:
        """How many jobs there are of these statuses."""
        marks = ",".join("?" * len(statuses))
        found: int = self._rows(f"SELECT count(*) FROM jobs WHERE status IN ({marks})", tuple(statuses))[0][0]
        return found

    def listed(self, statuses: Sequence[Status], limit: int, offset: int, oldest_first: bool = False) -> list[Summary]:
        """Jobs of these statuses, the newest first."""
        order = "ASC" if oldest_first else "DESC"
        marks = ",".join("?" * len(statuses))
        rows = self._rows(
            f"SELECT {_LIGHT} FROM jobs WHERE status IN ({marks}) ORDER BY serial {order} LIMIT ? OFFSET ?",
            (*statuses, limit, offset),
        )
        return [Summary(*row) for row in rows]

    def whole(self, where: str, values: tuple[object, ...]) -> Iterator[Job]:
        """Read jobs in full."""
        rows = self._rows(f"SELECT {_LIGHT}, targets, prompt, extra, record FROM jobs WHERE {where}", values)
        return (Job(Summary(*row[:10]), *row[10:]) for row in rows)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Change the database in one transaction, or not at all."""
        with self._lock:
            before = self._waiting
            try:
                with self._database:
                    yield self._database
            except sqlite3.Error as error:
                self._waiting = before
                raise Unwritable(f"it cannot be written down: {error}.") from error
            except BaseException:
                self._waiting = before
                raise


def as_json(value: object) -> str:
    """Write data as the database keeps it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
