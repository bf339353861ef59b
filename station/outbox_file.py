"""The outbox's file: its tables, its safety settings, and what happens when it is damaged."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

BUSY_LIMIT_S = 10.0  # another process writes: `station queue` does so for milliseconds

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  execution_id TEXT PRIMARY KEY,
  station_id TEXT,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'uploading', 'waiting', 'parked', 'done', 'dropped')),
  queued_at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  last_try_at REAL,
  next_try_at REAL NOT NULL DEFAULT 0,
  is_told_to_wait INTEGER NOT NULL DEFAULT 0,
  why TEXT,
  run_id TEXT,
  done_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS ix_records_state ON records (state, next_try_at);
CREATE TABLE IF NOT EXISTS attachments (
  execution_id TEXT NOT NULL REFERENCES records (execution_id) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  mimetype TEXT,
  phase TEXT,
  sha256 TEXT,
  size_bytes INTEGER,
  remote_id TEXT,
  is_done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (execution_id, n)
) STRICT;
"""


class OutboxBroken(Exception):
    """The file is no usable database. The text says what is wrong with it."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, mode 0600, or begin it. For any thread, one at a time; no transaction is begun by itself.

    Raises `OutboxBroken`, and sqlite3.Error where the disk or another process is the trouble.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its side files the same mode
    connection = sqlite3.connect(path, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_about_the_machine(error):
            raise
        raise OutboxBroken(str(error)) from error
    except OutboxBroken:
        connection.close()
        raise
    return connection


def move_aside(path: Path) -> Path:
    """Keep a broken file and its side files under another name, which is returned."""
    aside = path.with_name(f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in ("-wal", "-shm", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    return aside


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if verdict != "ok":
        raise OutboxBroken(verdict)
    connection.executescript(SCHEMA)


def _is_about_the_machine(error: sqlite3.DatabaseError) -> bool:
    """Whether the disk or another process is the trouble, and not the content of the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:  # the file was cut
        return False
    return code & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
    )
