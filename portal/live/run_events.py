"""Streams of new runs: server-sent events for whoever follows them (WHATWG HTML, "Server-sent events").

A stored run is read and encoded once, by one thread, and handed to every stream whose filter wants it. Each stream is
sent by the thread of its own request, which may wait for its reader: from a bounded queue, so that a reader who does
not keep up is cut and nobody waits for it. Who comes back says the last ordinal it has heard of (``Last-Event-ID``) and
is told what it has missed from the database, so that cutting loses nothing.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

import structlog

from portal.announcements import RightsChanged, RunStored
from portal.database import Database
from portal.errors import NoFreeConnection
from portal.services.run_notices import RUN_FINISHED, Filter, RunNotice, find_notices, notices_after, resume_point
from station.live_socket import PEER_TIMEOUT_MS

HEARTBEAT_S = 15.0  # keeps proxies from closing the connection; also how soon a revoked key is noticed
MOST_WAITING = 1000  # events of about 700 bytes
MOST_UNREAD = 10_000  # stored runs that the hub has not read back yet
PAGE = 200

HELLO = b": new runs\n\n"
STILL_HERE = b": still here\n\n"

log = structlog.get_logger(__name__)


class RunStream:
    """What one reader is sent: an iterator of bytes, for the body of its response. Ended by `close`."""

    def __init__(
        self, hub: RunEvents, wanted: Filter, after: int | None, is_admitted: Callable[[], bool],
        raw: socket.socket | None,
    ) -> None:  # fmt: skip
        self.wanted = wanted
        self._hub = hub
        self._after = after
        self._is_admitted = is_admitted
        self._raw = raw
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._changed = threading.Condition()
        self._is_ended = False
        self._is_idle = False
        self._chunks = self._run()
        if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):  # the peer may be gone already, as sending will show
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)

    def __iter__(self) -> RunStream:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """The response is over, whether it was sent or not."""
        self._hub.leave(self)
        with self._changed:
            self._is_ended = True
            self._raw = None  # the connection may serve another request now, which must not be cut
        self._chunks.close()

    # ── for the hub ──

    def offer(self, ordinal: int, chunk: bytes) -> None:
        """Send this as well; or cut who is too far behind."""
        with self._changed:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((ordinal, chunk))
                self._changed.notify()
                return
        log.warning("run_stream_cut", waiting=MOST_WAITING)
        self.end()

    def end(self) -> None:
        """Send nothing more. A thread that waits for its reader is freed by force."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()
            if self._raw is not None and not self._is_idle:
                with contextlib.suppress(OSError):
                    self._raw.shutdown(socket.SHUT_RDWR)

    # ── the thread of the request ──

    def _run(self) -> Generator[bytes, None, None]:
        yield HELLO
        told: set[int] = set()
        if self._after is not None:
            yield from self._missed(self._after, told)
        check_at = time.monotonic() + self._hub.heartbeat_s
        while True:
            found = self._wait(self._hub.heartbeat_s)
            if time.monotonic() >= check_at:
                if not self._is_admitted():
                    return
                check_at = time.monotonic() + self._hub.heartbeat_s
            if found is None:
                return
            yield b"".join(chunk for ordinal, chunk in found if ordinal not in told) or STILL_HERE

    def _missed(self, after: int, told: set[int]) -> Iterator[bytes]:
        """What was stored meanwhile, page by page. ``told``: is filled with what may be waiting here as well."""
        with self._hub.database.open() as db:
            place = resume_point(db, after)
        is_listening = False
        while not self._is_ended:
            with self._hub.database.open() as db:
                found = notices_after(db, place, self.wanted, PAGE)
            if found:
                place = found[-1][0]
                yield b"".join(_encode(ordinal, notice) for ordinal, notice in found)
            if len(found) < PAGE or is_listening:
                told.update(ordinal for ordinal, _ in found)
            if len(found) < PAGE:
                if is_listening:
                    return
                # Nearly: from now on new ones wait here, and those of the time between are read by a last look.
                self._hub.listen(self)
                is_listening = True

    def _wait(self, within_s: float) -> list[tuple[int, bytes]] | None:
        """What is to be sent, nothing after the time; None at the end."""
        with self._changed:
            self._is_idle = True
            self._changed.wait_for(lambda: self._waiting or self._is_ended, within_s)
            self._is_idle = False
            if self._is_ended:
                return None
            found = list(self._waiting)
            self._waiting.clear()
            return found


class RunEvents:
    """The streams of one portal. ``is_full``: whether all connections that may stay open are taken."""

    def __init__(self, database: Database, is_full: Callable[[], bool]) -> None:
        self.database = database
        self.heartbeat_s = HEARTBEAT_S
        self._is_full = is_full
        self._streams: set[RunStream] = set()
        self._listening: set[RunStream] = set()
        self._stored: deque[str] = deque()
        self._changed = threading.Condition()
        self._admission = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        database.listen(self._on_announcement)

    def follow(
        self, wanted: Filter, after: int | None, is_admitted: Callable[[], bool], raw: socket.socket | None
    ) -> RunStream:
        """A stream of new runs; ``after``: and of those behind this ordinal. Raises `NoFreeConnection`.

        is_admitted: asked now and then whether the reader may still see this. raw: the reader's connection.
        """
        stream = RunStream(self, wanted, after, is_admitted, raw)
        with self._admission:  # one at a time, so that two do not take the same last place
            if self._is_full() or self._is_stopped:
                raise NoFreeConnection
            with self._changed:
                self._streams.add(stream)
        if after is None:
            self.listen(stream)
        return stream

    def listen(self, stream: RunStream) -> None:
        """Offer the stream what is stored from now on."""
        with self._changed:
            if stream in self._streams:
                self._listening.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="run-events", daemon=True)
                self._thread.start()

    def leave(self, stream: RunStream) -> None:
        """The stream is over."""
        with self._changed:
            self._streams.discard(stream)
            self._listening.discard(stream)

    def count(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def stop(self) -> None:
        """End all streams, and the thread."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._end_all()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _end_all(self) -> None:
        with self._changed:
            streams = list(self._streams)
        for stream in streams:
            stream.end()

    def _end_of(self, user_id: str) -> None:
        """Whose rights changed comes back with those of now, or is refused."""
        with self._changed:
            streams = list(self._streams)
        for stream in streams:
            if stream.wanted.reader is not None and stream.wanted.reader.user_id == user_id:
                stream.end()

    def _on_announcement(self, event: object) -> None:
        """In the thread that has stored the run, which must not wait for readers: it only takes a note."""
        if isinstance(event, RightsChanged):
            self._end_of(event.user_id)
        if not isinstance(event, RunStored) or not self._listening:
            return
        with self._changed:
            self._stored.append(event.run_id)
            is_over = len(self._stored) > MOST_UNREAD
            if is_over:
                self._stored.clear()
            self._changed.notify()
        if is_over:
            self._end_all()  # they come back and are told from the database

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stored or self._is_stopped)
                if self._is_stopped:
                    return
                run_ids = [self._stored.popleft() for _ in range(min(len(self._stored), PAGE))]
            try:
                self._tell(run_ids)
            except Exception:  # a busy or broken database: who comes back is told then
                log.exception("run_events_failed")
                self._end_all()

    def _tell(self, run_ids: list[str]) -> None:
        with self.database.open() as db:
            found = find_notices(db, run_ids)
        with self._changed:
            streams = list(self._listening)
        for ordinal, notice, team_id in found:
            chunk = _encode(ordinal, notice)
            for stream in streams:
                if stream.wanted.wants(notice, team_id):
                    stream.offer(ordinal, chunk)


def _encode(ordinal: int, notice: RunNotice) -> bytes:
    data = json.dumps(notice, ensure_ascii=False, separators=(",", ":"))  # has no line breaks
    return f"id: {ordinal}\nevent: {RUN_FINISHED}\ndata: {data}\n\n".encode()
