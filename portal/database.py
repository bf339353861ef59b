"""The database of one portal: engine, sessions, and transactions that announce what they did.

SQLite lets one writer in at a time: ours take turns in `portal.write_groups`, and begin with ``BEGIN IMMEDIATE``; other
processes (commands on the same data) are waited for by SQLite's own time-out.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any
from zlib import crc32

import structlog
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Engine, PoolProxiedConnection, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from portal.driver import send
from portal.errors import Busy, Overtaken, StorageFull
from portal.models.base import Base
from portal.settings import Settings
from portal.storage import BlobStore, open_store
from portal.write_groups import WriteGroups

BUSY_TIMEOUT_MS = 10_000
WRITE = "stationmaster_write"  # execution option of a connection whose transaction will write

# PostgreSQL's foreign_key_violation and deadlock_detected. What services refer to they have read before: it was there.
_OF_RACES = frozenset({"23503", "40P01"})

Listener = Callable[[object], None]

log = structlog.get_logger(__name__)


class Db:
    """One piece of work with the database: a session of its own, for one thread at a time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settings = database.settings
        self.blobs: BlobStore = database.blobs
        self._depth = 0
        self._after: list[Callable[[], object]] = []
        self._connection: Connection | None = None
        self._session: _EngineSession | None = None

    @property
    def session(self) -> _EngineSession:
        """For objects, and statements of any kind. Made when it is first asked for: most records need none."""
        if self._session is None:
            self._session = self.database.make_session()
            self._session.write_through(self._connection)
        return self._session

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """One write transaction: all of it, or nothing. Inside another one it is part of that.

        Raises `Busy`; `StorageFull`; `Overtaken` by another transaction, which removed what this one refers to, or held
        what this one needs while it waited for this one.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        if self._session is not None:
            self._session.expunge_all()  # let go, not expired: who holds an object keeps what was read
            self._session.rollback()  # ends a read that went before: its snapshot could not be written on
        try:
            with self.database.writers() as connection, self._transaction(connection):
                yield
        except DBAPIError as error:
            if _is_disk_full(error):
                raise StorageFull from error
            if getattr(error.orig, "sqlstate", None) in _OF_RACES:
                log.warning("write_lost_a_race", exc_info=error)
                raise Overtaken from error
            raise
        after, self._after = self._after, []
        for action in after:
            try:
                action()
            except Exception:  # what was stored is stored: who asked for it must not be told otherwise
                log.exception("after_commit_failed")

    @property
    def connection(self) -> Connection:
        """The connection of this piece of work, for statements that need no objects."""
        return self._connection or self.session.connection()

    def flush(self) -> None:
        """Write what the session holds and has not yet written."""
        if self._session is not None:
            self._session.flush()

    @contextlib.contextmanager
    def driver(self) -> Iterator[PoolProxiedConnection]:
        """The driver's connection, for `portal.driver`: that of the open transaction; outside of one, any that is free.

        A read by itself needs no transaction, and saves the session the making of one.
        """
        if self._connection is not None or (self._session is not None and self._session.in_transaction()):
            yield self.connection.connection
            return
        free = self.database.engine.raw_connection()
        try:
            yield free
        finally:
            free.close()

    @property
    def is_writing(self) -> bool:
        """Whether a write transaction is open, which another `write` would join."""
        return self._depth > 0

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """A piece of a write transaction that may fail alone: it leaves nothing then, announcements included."""
        told = len(self._after)
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            del self._after[told:]
            raise

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """A write transaction, or a part of one that may fail on its own: whoever catches that keeps all the rest."""
        with self.write(), self.attempt():
            yield

    @contextlib.contextmanager
    def _transaction(self, connection: Connection | None) -> Iterator[None]:
        # On SQLite the transaction has begun, and the session joins it when it is first used, if it is.
        self._write_through(connection)
        self._connection = connection or self._begin()
        self._depth, self._after = 1, []
        try:
            yield
            if self._session is not None:
                self._session.finish()
        except BaseException:
            if self._session is not None:
                with contextlib.suppress(DBAPIError):  # SQLite may have rolled back by itself
                    self._session.rollback()
            raise
        finally:
            self._depth = 0
            self._write_through(None)

    def _write_through(self, connection: Connection | None) -> None:
        self._connection = connection
        if self._session is not None:
            self._session.write_through(connection)

    def _begin(self) -> Connection:
        try:
            return self.session.connection(execution_options={WRITE: True})
        except OperationalError as error:
            self.session.rollback()
            raise (StorageFull if _is_disk_full(error) else Busy) from error

    def on_commit(self, action: Callable[..., object], *args: object) -> None:
        """Do something once the transaction is safe; not at all when it is rolled back."""
        self._after.append(lambda: action(*args))

    def announce(self, what: object) -> None:
        """Tell the listeners, once the transaction is safe."""
        self.on_commit(self.database.tell, what)

    def serialise(self, what: str) -> None:
        """Let one transaction at a time go on from here, for things that no single constraint decides.

        SQLite has one writer at a time anyway; PostgreSQL holds an advisory lock until the transaction ends.
        """
        if not self.database.is_sqlite:
            self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": crc32(what.encode())})

    def close(self) -> None:
        """Give the connection back."""
        if self._session is not None:
            self._session.close()

    def __enter__(self) -> Db:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Database:
    """Opens `Db` handles. One for each application."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        url = settings.database_address
        self.is_sqlite = url.startswith("sqlite")
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, settings.max_sockets)
        self._extension = SQLAlchemy(app, metadata=Base.metadata, session_options={"expire_on_commit": False})
        with app.app_context():
            self.engine: Engine = self._extension.engine
        if self.is_sqlite:
            tune_sqlite(self.engine, settings.sync)
        self.settings = settings
        self.blobs: BlobStore = open_store(settings)
        self._write_groups = WriteGroups(self.engine, WRITE)
        self._listeners: list[Listener] = []

    def open(self) -> Db:
        """A handle with its own session. Close it, or use it in a ``with``."""
        return Db(self)

    def make_session(self) -> _EngineSession:
        """A new session. For `Db`."""
        return _EngineSession(self._extension, self.engine)

    def writers(self) -> contextlib.AbstractContextManager[Connection | None]:
        """A turn at writing, with the connection to write through; None where the database has many writers."""
        return self._write_groups.turn() if self.is_sqlite else contextlib.nullcontext()

    def listen(self, listener: Listener) -> None:
        """Call the listener with everything that is announced, in the thread that committed."""
        self._listeners.append(listener)

    def tell(self, what: object) -> None:
        """Pass an announcement on. For `Db`."""
        for listener in self._listeners:
            listener(what)


class _EngineSession(FlaskSession):
    """Flask-SQLAlchemy's session with its engine given: its own search for one needs an application context."""

    def __init__(self, extension: SQLAlchemy, engine: Engine) -> None:
        # In a transaction that it shares with other writers, its own part is a savepoint.
        super().__init__(extension, bind=engine, expire_on_commit=False, join_transaction_mode="create_savepoint")
        self._engine = engine
        self._writing: Connection | None = None

    def write_through(self, connection: Connection | None) -> None:
        """Use this connection, until None: then the engine's own again."""
        self._writing = connection

    def finish(self) -> None:
        """Write and commit what it holds; what is read next is read from the database, not remembered."""
        self.flush()
        if self.in_transaction():
            self.commit()
        self.expunge_all()

    def get_bind(self, *_args: Any, **_options: Any) -> Engine | Connection:
        """The one engine, in any thread; or the connection through which it writes now."""
        return self._writing or self._engine


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether it says so itself: SQLite by its result code, PostgreSQL by its SQLSTATE disk_full.

    SQLite rolls back by itself then, so that the error may hide behind one about a savepoint that is gone.
    """
    while error is not None:
        cause = getattr(error, "orig", error)
        if (
            getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            or getattr(cause, "sqlstate", None) == "53100"
        ):
            return True
        error = error.__context__
    return False


def engine_options(url: str, sockets: int) -> dict[str, Any]:
    """Options of the engine for the kind of database."""
    if url.startswith("sqlite"):
        return {"connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}}
    return {"pool_size": 10, "max_overflow": 10 + sockets // 10, "pool_pre_ping": True}


def tune_sqlite(engine: Engine, sync: str) -> None:
    """Write-ahead log, foreign keys, and transactions that begin when we say so."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"synchronous={sync}",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get(WRITE)
        send(connection.connection, connection.dialect, "BEGIN IMMEDIATE" if is_write else "BEGIN").close()
