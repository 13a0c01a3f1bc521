"""The database file of a server: one table of jobs, open for one process at a time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    number NUMERIC NOT NULL,
    client TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    place INTEGER,
    summary TEXT NOT NULL DEFAULT '{}',
    targets TEXT NOT NULL,
    prompt TEXT NOT NULL,
    extra TEXT NOT NULL,
    record TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS waiting ON jobs (status, number, serial);
CREATE INDEX IF NOT EXISTS history ON jobs (place) WHERE place IS NOT NULL;
"""


def opened(path: Path) -> sqlite3.Connection:
    """Open the database for this process alone; jobs that were running wait again."""
    database = sqlite3.connect(path, timeout=1, check_same_thread=False)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_TABLE)
    with database:
        database.execute("UPDATE jobs SET status = 'pending', started = NULL WHERE status = 'in_progress'")
    return database
