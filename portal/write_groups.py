"""Writers on SQLite take turns, and share what is slow: the flush to disk.

SQLite lets one writer in at a time, and its busy-wait makes the others wait for up to 180 ms; so the writers of this
process queue here. Each turn is a savepoint inside one transaction (the first needs none). Who finishes while others
wait leaves the transaction open for them; the last one commits it for all, and only then are they told that their work
is stored. Eight uploaders so cost one flush and not eight, and ``synchronous=FULL`` about what NORMAL costs.

The invariant: a transaction is left open only while somebody waits for a turn, who will end it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from portal.errors import Busy

LARGEST_GROUP = 64  # the first of a group waits for all of it


class _Group:
    """Turns that are committed together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.size = 0
        self._ended = threading.Event()
        self._failure: Exception | None = None

    def end(self) -> None:
        """Commit all of it, and tell those who wait for that. Raises what the commit raises."""
        try:
            if self.size and self.is_broken:
                raise Busy  # noqa: TRY301  (those who wait must learn of it as of any failure)
            self.connection.commit() if self.size else self.connection.rollback()
        except Exception as failure:
            self._failure = failure
            self.connection.rollback()
            raise
        finally:
            self.connection.close()
            self._ended.set()

    @property
    def is_broken(self) -> bool:
        """Whether SQLite has rolled all of it back by itself, as it may on a full disk.

        The driver would then commit nothing without a word.
        """
        raw = self.connection.connection.dbapi_connection
        return isinstance(raw, sqlite3.Connection) and not raw.in_transaction

    def wait(self) -> None:
        """Until it is committed. Raises what the commit raised: then nothing of it is stored."""
        self._ended.wait()
        if self._failure is not None:
            raise self._failure


class WriteGroups:
    """The turns of one portal's writers."""

    def __init__(self, engine: Engine, write_option: str) -> None:
        self._engine = engine.execution_options(**{write_option: True})
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._holder: int | None = None
        self._group: _Group | None = None

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """A connection inside a transaction, with a savepoint of its own.

        Returns when what was done is on disk. Raises `Busy` when another process holds the database; and what the
        commit raises.
        """
        self._take()
        try:
            group = self._open()
            # The first has nobody's work to spare: when it fails, all is rolled back.
            savepoint = group.connection.begin_nested() if group.size else None
            try:
                yield group.connection
                if savepoint is not None:
                    savepoint.commit()
            except BaseException:
                if savepoint is not None:
                    with suppress(Exception):  # SQLite may have rolled all back by itself
                        savepoint.rollback()
                with suppress(Exception):  # those who wait are told of it; this one has its own reason
                    self._end_if_last()
                raise
            group.size += 1
            is_last = self._end_if_last()
        finally:
            self._pass_on()
        if not is_last:
            group.wait()

    def _take(self) -> None:
        """Wait for the turn, first come first served."""
        me = threading.get_ident()
        with self._mutex:
            if self._holder is None:
                self._holder = me
                return
            if self._holder == me:
                raise RuntimeError("a thread that writes must not begin to write with another handle")
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()
        self._holder = me

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._holder = -1  # nobody's, but not free: the next one is on its way
                self._waiting.popleft().set()
            else:
                self._holder = None

    def _open(self) -> _Group:
        if self._group is None:
            connection = self._engine.connect()
            try:
                connection.begin()
            except OperationalError as error:
                connection.close()
                raise Busy from error
            self._group = _Group(connection)
        return self._group

    def _end_if_last(self) -> bool:
        """Commit unless somebody waits who will. True when there is nothing left to wait for."""
        group = self._group
        if group is None:
            return True
        with self._mutex:
            goes_on = bool(self._waiting) and 0 < group.size < LARGEST_GROUP
        if goes_on and not group.is_broken:
            return False
        self._group = None
        group.end()
        return True
